import { describe, expect, it } from 'vitest'
import { ApiError } from '../api/client'
import { databaseCause, factsOf, lookupQuery, ownedObjects } from './failure'

const refused = (detail: unknown, code = 'unexpected_failure') =>
  new ApiError({ status: 500, code, message: 'Database error saving new user', detail })

const cause = {
  function: 'public.handle_new_user',
  sqlstate: '23502',
  message: 'null value in column "first_name"',
  detail: null,
  table: 'public.profiles',
  column: 'first_name',
  constraint: null,
  hint: null,
}

describe('databaseCause', () => {
  it('reads the cause and drops blanks', () => {
    expect(databaseCause(refused({ ...cause, table: '' }))).toEqual({ ...cause, table: null })
  })

  it('is null when the server gave none', () => {
    expect(databaseCause(refused(null))).toBeNull()
    expect(databaseCause(refused({ reasons: ['length'] }))).toBeNull()
    expect(databaseCause(refused('text'))).toBeNull()
  })

  it('lists only what is known', () => {
    expect(factsOf(cause).map(([name]) => name)).toEqual(['SQLSTATE', 'Function', 'Table', 'Column'])
  })
})

describe('lookupQuery', () => {
  it('finds the function by schema and name', () => {
    expect(lookupQuery(cause)).toContain("p.proname = 'handle_new_user' and n.nspname = 'public';")
  })

  it('takes a bare name and a signature', () => {
    expect(lookupQuery({ ...cause, function: 'check_age()' })).toContain("p.proname = 'check_age';")
  })

  it('never lets a name out of its quotes', () => {
    expect(lookupQuery({ ...cause, function: "x'; drop table y; --" })).toContain("p.proname = 'x''; drop table y; --';")
  })

  it('is null without a function', () => {
    expect(lookupQuery({ ...cause, function: null })).toBeNull()
  })
})

describe('ownedObjects', () => {
  it('reads the buckets in order', () => {
    expect(ownedObjects(refused({ objects: 3, buckets: { docs: 1, avatars: 2 } }, 'user_owns_objects'))).toEqual({
      total: 3,
      buckets: [
        ['avatars', 2],
        ['docs', 1],
      ],
    })
  })

  it('is null for every other error', () => {
    expect(ownedObjects(refused({ objects: 3 }))).toBeNull()
  })
})
