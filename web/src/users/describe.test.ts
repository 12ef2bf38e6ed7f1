import { describe, expect, it } from 'vitest'
import type { User } from '../api/users'
import { agentName, displayName, providers, standings, userTitle } from './describe'

const now = Date.parse('2026-11-22T12:00:00Z')
const user = (fields: Partial<User>): User => ({ id: 'u1', created_at: '2026-01-01T00:00:00Z', ...fields })

describe('userTitle', () => {
  it('prefers email, then phone, then what is left', () => {
    expect(userTitle(user({ email: 'a@b.c', phone: '49' }))).toBe('a@b.c')
    expect(userTitle(user({ email: '', phone: '4930' }))).toBe('+4930')
    expect(userTitle(user({ is_anonymous: true }))).toBe('Anonymous user')
    expect(userTitle(user({}))).toBe('u1')
  })
})

describe('displayName', () => {
  it('finds the usual keys and skips blanks and other types', () => {
    expect(displayName(user({ user_metadata: { full_name: ' ', name: 'Ada' } }))).toBe('Ada')
    expect(displayName(user({ user_metadata: { first_name: 'John', age: 27 } }))).toBe('John')
    expect(displayName(user({ user_metadata: { name: 7 } }))).toBeNull()
    expect(displayName(user({ user_metadata: null }))).toBeNull()
  })
})

describe('providers', () => {
  it('reads the list, or the single one', () => {
    expect(providers(user({ app_metadata: { provider: 'email', providers: ['email', 'github'] } }))).toEqual([
      'email',
      'github',
    ])
    expect(providers(user({ app_metadata: { provider: 'phone' } }))).toEqual(['phone'])
    expect(providers(user({ app_metadata: { providers: 'email' } }))).toEqual([])
  })
})

describe('standings', () => {
  const labels = (fields: Partial<User>) => standings(user(fields), now).map((standing) => standing.label)
  const confirmed = { email_confirmed_at: '2026-01-01T00:00:00Z' }

  it('says nothing about an ordinary user', () => {
    expect(labels(confirmed)).toEqual([])
  })

  it('does not take an expired ban for a ban', () => {
    expect(labels({ ...confirmed, banned_until: '2026-11-22T11:00:00Z' })).toEqual([])
    expect(labels({ ...confirmed, banned_until: '2026-11-23T11:00:00Z' })).toEqual(['Banned'])
  })

  it('tells invited, unconfirmed, anonymous and deleted apart', () => {
    expect(labels({})).toEqual(['Unconfirmed'])
    expect(labels({ invited_at: '2026-01-01T00:00:00Z' })).toEqual(['Invited'])
    expect(labels({ is_anonymous: true })).toEqual(['Anonymous'])
    expect(labels({ deleted_at: '2026-01-01T00:00:00Z' })).toEqual(['Deleted'])
  })
})

describe('agentName', () => {
  it('names browser and system', () => {
    const chrome = 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 Chrome/130.0 Safari/537.36'
    expect(agentName(chrome)).toBe('Chrome on macOS')
    expect(agentName('curl/8.5.0')).toBe('curl/8.5.0')
    expect(agentName(null)).toBe('Unknown client')
  })
})
