import { describe, expect, it } from 'vitest'
import { advicePath, parseRoute, rowsWhere, sectionOf, tablesPath, usersPath } from './routes'

describe('parseRoute', () => {
  it.each([
    ['/dashboard', { page: 'users', user: null }],
    ['/dashboard/', { page: 'users', user: null }],
    ['/dashboard/users/abc', { page: 'users', user: 'abc' }],
    ['/dashboard/tables', { page: 'tables', schema: null, table: null }],
    ['/dashboard/tables/public/films', { page: 'tables', schema: 'public', table: 'films' }],
    ['/dashboard/sql', { page: 'sql' }],
    ['/dashboard/advisors/security', { page: 'advice' }],
    ['/dashboard/advisors', { page: 'unknown' }],
    ['/dashboard/advisors/speed', { page: 'unknown' }],
    ['/dashboard/nothing', { page: 'unknown' }],
    ['/dashboardx/sql', { page: 'unknown' }],
    ['/dashboard/sql/more', { page: 'unknown' }],
  ])('%s', (path, route) => {
    expect(parseRoute(path)).toEqual(route)
  })

  it('reads back every name that a table can have', () => {
    for (const name of ['a/b', 'ü 1', '100%', 'x?y#z', '.']) {
      const path = tablesPath('my schema', name)
      expect(parseRoute(path)).toEqual({ page: 'tables', schema: 'my schema', table: name })
    }
  })

  it('leaves no dot that would look like a file', () => {
    expect(tablesPath('public', 'log.2026.csv')).toBe('/dashboard/tables/public/log%2E2026%2Ecsv')
  })

  it('counts the advice among the tables', () => {
    expect(sectionOf(parseRoute(advicePath()))).toBe('tables')
    expect(sectionOf({ page: 'sql' })).toBe('sql')
  })

  it('does not fail on a broken escape', () => {
    expect(parseRoute('/dashboard/users/%E0%A4%A')).toEqual({ page: 'users', user: '%E0%A4%A' })
  })
})

describe('writing addresses', () => {
  it('leaves out what is missing', () => {
    expect(usersPath(null)).toBe('/dashboard/users')
    expect(tablesPath('public')).toBe('/dashboard/tables/public')
  })

  it('escapes the value of a filter', () => {
    const url = new URL(rowsWhere('storage', 'objects', 'owner_id', 'a&b=c'), 'http://x')
    expect(url.searchParams.get('filter')).toBe('owner_id.eq.a&b=c')
  })
})
