/** Reading what the server tells about a refused change of an account. Pure. */
import type { ApiError } from '../api/client'

export interface DatabaseCause {
  function: string | null
  sqlstate: string | null
  message: string | null
  /** What PostgreSQL adds, such as the failing row. */
  detail: string | null
  table: string | null
  column: string | null
  constraint: string | null
  hint: string | null
}

function record(value: unknown): Record<string, unknown> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null
}

const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : null)

/** The database's own error behind an `unexpected_failure`, or null when there is none. */
export function databaseCause(error: ApiError): DatabaseCause | null {
  const detail = record(error.detail)
  if (detail === null || text(detail['sqlstate']) === null) return null
  return {
    function: text(detail['function']),
    sqlstate: text(detail['sqlstate']),
    message: text(detail['message']),
    detail: text(detail['detail']),
    table: text(detail['table']),
    column: text(detail['column']),
    constraint: text(detail['constraint']),
    hint: text(detail['hint']),
  }
}

/** The known parts of a cause, named for reading. */
export function factsOf(cause: DatabaseCause): [name: string, value: string][] {
  const all: [string, string | null][] = [
    ['SQLSTATE', cause.sqlstate],
    ['Function', cause.function],
    ['Table', cause.table],
    ['Column', cause.column],
    ['Constraint', cause.constraint],
  ]
  return all.filter((fact): fact is [string, string] => fact[1] !== null)
}

/** SQL that shows the function that failed, or null when it is not known. */
export function lookupQuery(cause: DatabaseCause): string | null {
  if (cause.function === null) return null
  const [first = '', ...rest] = cause.function.replace(/\(.*$/s, '').split('.')
  const [schema, name] = rest.length === 0 ? [null, first] : [first, rest.join('.')]
  const literal = (value: string) => `'${value.replaceAll('"', '').replaceAll("'", "''")}'`
  return [
    'select p.oid::regprocedure as function, pg_get_functiondef(p.oid) as definition',
    'from pg_proc p join pg_namespace n on n.oid = p.pronamespace',
    `where p.proname = ${literal(name)}` + (schema ? ` and n.nspname = ${literal(schema)};` : ';'),
    '',
  ].join('\n')
}

/** What a user who cannot be deleted still owns, or null when the error is another one. */
export function ownedObjects(error: ApiError): { total: number; buckets: [name: string, objects: number][] } | null {
  if (error.code !== 'user_owns_objects') return null
  const detail = record(error.detail)
  const buckets = Object.entries(record(detail?.['buckets']) ?? {})
    .filter((entry): entry is [string, number] => typeof entry[1] === 'number')
    .sort(([a], [b]) => a.localeCompare(b))
  const objects = detail?.['objects']
  return {
    total: typeof objects === 'number' ? objects : buckets.reduce((sum, [, n]) => sum + n, 0),
    buckets,
  }
}
