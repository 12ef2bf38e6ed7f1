/** Cells between the server's JSON, the grid and the editor. Pure. */
import type { Column, Row, TableDetail } from '../api/tables'
import { isJson } from '../ui/json'

/** The text of a value; null is NULL. Documents, arrays and composite values read as JSON. */
export function textOf(value: unknown, type: string): string | null {
  if (value === null || value === undefined) return null
  if (typeof value === 'string' && !isJson(type)) return value
  return typeof value === 'object' || isJson(type) ? JSON.stringify(value) : String(value)
}

/**
 * What to send for a typed text: documents as JSON; arrays and composite values as JSON when they are typed so;
 * everything else as text, which the database reads as the column's type.
 */
export function valueOf(text: string, type: string): unknown {
  if (isJson(type)) return JSON.parse(text)
  const opens = type.endsWith('[]') ? '[' : '{"'
  if (!text.trimStart().startsWith(opens)) return text
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

export function isBoolean(type: string): boolean {
  return type === 'bool' || type === 'boolean'
}

/** Why a typed text is no value of the type, or null. The database judges the rest. */
export function valueProblem(text: string, type: string): string | null {
  if (!isJson(type)) return null
  try {
    JSON.parse(text)
    return null
  } catch {
    return 'This is not valid JSON.'
  }
}

/** The primary key of a row as the API wants it, or null when the table has none. */
export function keyOf(table: TableDetail, row: Row): Row | null {
  const key = table.columns.filter((column) => column.primary_key)
  if (key.length === 0) return null
  return Object.fromEntries(key.map(({ name }) => [name, row[name]]))
}

/** Whether rows of this relation can be changed here. */
export function isEditable(table: TableDetail): boolean {
  const kind = table.kind === 'table' || table.kind === 'partitioned table'
  return kind && !table.locked && table.columns.some((column) => column.primary_key)
}

/** Whether this column can be changed here. */
export function isWritable(column: Column): boolean {
  return !column.generated && !column.masked
}
