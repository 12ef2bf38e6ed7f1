import { API_ROOT, type Api } from './client'

export interface ResultColumn {
  name: string
  type: string
}

export interface SqlResult {
  command: string
  columns: ResultColumn[]
  rows: (string | null)[][]
  row_count: number
  truncated: boolean
  duration_ms: number
}

export interface SqlAnswer {
  results: SqlResult[]
  notices: string[]
}

/** What `sql_error` carries in `detail`; positions count characters from 1. */
export interface SqlErrorDetail {
  sqlstate: string | null
  position: number | null
  line: number | null
  column: number | null
  where: string | null
  detail: string | null
}

export interface CheckedStatement {
  text: string
  kind: string
  warnings: { code: string; message: string }[]
}

export function runSql(
  api: Api,
  request: { query: string; read_only: boolean; limit: number },
  signal: AbortSignal,
): Promise<SqlAnswer> {
  return api.post<SqlAnswer>('/sql', request, signal)
}

export async function checkSql(api: Api, query: string, signal: AbortSignal): Promise<CheckedStatement[]> {
  return (await api.post<{ statements: CheckedStatement[] }>('/sql/check', { query }, signal)).statements
}

/** Where a form posts `query` and `csrf_token` to download the complete result. */
export const SQL_CSV = `${API_ROOT}/sql/export.csv`
