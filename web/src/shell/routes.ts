/** Addresses of the console: which page a path names, and how to write a path. Pure. */

/** Everything lives under this prefix. */
export const BASE = '/dashboard'

export type Route =
  | { page: 'users'; user: string | null }
  | { page: 'tables'; schema: string | null; table: string | null }
  | { page: 'advice' }
  | { page: 'sql' }
  | { page: 'unknown' }

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

/** Which page `pathname` names; the bare prefix is the Users page. */
export function parseRoute(pathname: string): Route {
  if (pathname !== BASE && !pathname.startsWith(`${BASE}/`)) return { page: 'unknown' }
  const parts = pathname.slice(BASE.length).split('/').filter(Boolean).map(decode)
  const [page, first, second] = parts
  if (page === undefined) return { page: 'users', user: null }
  if (page === 'users' && parts.length <= 2) return { page: 'users', user: first ?? null }
  if (page === 'tables' && parts.length <= 3) return { page: 'tables', schema: first ?? null, table: second ?? null }
  if (page === 'advisors' && first === 'security' && parts.length === 2) return { page: 'advice' }
  if (page === 'sql' && parts.length === 1) return { page: 'sql' }
  return { page: 'unknown' }
}

/** One part of a path. Dots are escaped too: the server takes a last part with a dot for a file. */
function encode(part: string): string {
  return encodeURIComponent(part).replaceAll('.', '%2E')
}

export function usersPath(user?: string | null): string {
  return user ? `${BASE}/users/${encode(user)}` : `${BASE}/users`
}

export function tablesPath(schema?: string | null, table?: string | null): string {
  const parts = [schema, table].filter((part): part is string => Boolean(part)).map(encode)
  return [`${BASE}/tables`, ...parts].join('/')
}

/** What is probably wrong about the rights on tables. */
export function advicePath(): string {
  return `${BASE}/advisors/security`
}

/** The entry of the main navigation that a page belongs to. */
export function sectionOf({ page }: Route): Route['page'] {
  return page === 'advice' ? 'tables' : page
}

export function sqlPath(): string {
  return `${BASE}/sql`
}

/** The address of a table's rows where `column` equals `value`. */
export function rowsWhere(schema: string, table: string, column: string, value: string): string {
  return `${tablesPath(schema, table)}?${new URLSearchParams({ filter: `${column}.eq.${value}` })}`
}
