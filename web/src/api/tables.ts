import { API_ROOT, queryString, type Api } from './client'
import type { Page } from './resource'

export interface SchemaSummary {
  name: string
  locked: boolean
  tables: number
}

export type RelationKind = 'table' | 'view' | 'materialized view' | 'foreign table' | 'partitioned table'

export interface TableSummary {
  name: string
  kind: RelationKind
  rls_enabled: boolean | null
  row_estimate: number | null
  comment: string | null
  locked: boolean
}

export interface Column {
  name: string
  type: string
  nullable: boolean
  default: string | null
  primary_key: boolean
  masked: boolean
  generated: boolean
  references: { schema: string; table: string; column: string } | null
  comment: string | null
}

export interface TableDetail {
  schema: string
  name: string
  kind: RelationKind
  locked: boolean
  rls_enabled: boolean | null
  columns: Column[]
}

export type Row = Record<string, unknown>

export interface RowCount {
  count: number
  exact: boolean
}

/** What of a table is asked for: `order` as `col.asc`, `filters` as `col.op.value`. */
export interface RowQuery {
  order: string | null
  filters: readonly string[]
}

const one = (schema: string, table: string) => `/tables/${encodeURIComponent(schema)}/${encodeURIComponent(table)}`

export async function listSchemas(api: Api, signal: AbortSignal): Promise<SchemaSummary[]> {
  return (await api.get<{ schemas: SchemaSummary[] }>('/schemas', signal)).schemas
}

export async function listTables(api: Api, schema: string, signal: AbortSignal): Promise<TableSummary[]> {
  return (await api.get<{ tables: TableSummary[] }>(`/tables${queryString({ schema })}`, signal)).tables
}

export function fetchTable(api: Api, schema: string, table: string, signal: AbortSignal): Promise<TableDetail> {
  return api.get<TableDetail>(one(schema, table), signal)
}

export async function listRows(
  api: Api,
  place: { schema: string; table: string },
  query: RowQuery & { cursor: string | null; limit: number },
  signal: AbortSignal,
): Promise<Page<Row, RowCount>> {
  const { order, filters: filter, cursor, limit } = query
  const path = `${one(place.schema, place.table)}/rows${queryString({ limit, cursor, order, filter })}`
  const answer = await api.get<{ rows: Row[]; next_cursor: string | null; total: RowCount }>(path, signal)
  return { items: answer.rows, nextCursor: answer.next_cursor, extra: answer.total }
}

export async function insertRow(api: Api, schema: string, table: string, values: Row): Promise<Row> {
  return (await api.post<{ row: Row }>(`${one(schema, table)}/rows`, { values })).row
}

export async function updateRow(api: Api, schema: string, table: string, key: Row, values: Row): Promise<Row> {
  return (await api.patch<{ row: Row }>(`${one(schema, table)}/rows`, { key, values })).row
}

export async function deleteRows(api: Api, schema: string, table: string, keys: Row[]): Promise<number> {
  return (await api.delete<{ deleted: number }>(`${one(schema, table)}/rows`, { keys })).deleted
}

/** Where the complete table is downloaded from. */
export function tableCsv(schema: string, table: string): string {
  return `${API_ROOT}${one(schema, table)}/export.csv`
}
