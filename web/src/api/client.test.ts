import { afterEach, describe, expect, it, vi } from 'vitest'
import { Api, ApiError, errorFromBody, queryString, toApiError } from './client'

describe('errorFromBody', () => {
  it('reads the envelope', () => {
    const body = JSON.stringify({
      code: 'user_owns_objects',
      message: 'the user owns 3 objects',
      hint: null,
      detail: { objects: 3, buckets: { avatars: 3 } },
    })
    const error = errorFromBody(409, body, null)
    expect(error.status).toBe(409)
    expect(error.code).toBe('user_owns_objects')
    expect(error.hint).toBeNull()
    expect(error.detail).toEqual({ objects: 3, buckets: { avatars: 3 } })
  })

  it('keeps Retry-After and survives a body that is no JSON', () => {
    const error = errorFromBody(429, '<h1>slow down</h1>', '30')
    expect(error.code).toBe('unexpected_answer')
    expect(error.retryAfter).toBe(30)
    expect(error.message).toContain('slow down')
  })

  it('names the status when the body is empty', () => {
    expect(errorFromBody(502, '', null).message).toBe('the server answered 502')
  })
})

describe('queryString', () => {
  it('drops what is empty and repeats arrays', () => {
    expect(queryString({ limit: 50, cursor: null, search: '', filter: ['a.eq.1', 'b.is.null'] })).toBe(
      '?limit=50&filter=a.eq.1&filter=b.is.null',
    )
  })

  it('is empty when nothing is left', () => {
    expect(queryString({ search: undefined })).toBe('')
  })
})

describe('Api', () => {
  afterEach(() => vi.unstubAllGlobals())

  function answer(status: number, body: string) {
    const fetch = vi.fn(async (_url: string, _init: RequestInit) => new Response(body === '' ? null : body, { status }))
    vi.stubGlobal('fetch', fetch)
    return fetch
  }

  it('sends the CSRF token with every request that changes something, and only there', async () => {
    const fetch = answer(200, '{}')
    const api = new Api()
    api.csrf = 'tok'
    await api.get('/users')
    await api.post('/users', { email: 'a@b.c' })
    expect(fetch.mock.calls[0]?.[1].headers).not.toHaveProperty('X-CSRF-Token')
    expect(fetch.mock.calls[1]?.[1].headers).toHaveProperty('X-CSRF-Token', 'tok')
    expect(fetch.mock.calls[1]?.[0]).toBe('/dashboard/api/users')
  })

  it('reports the end of the session once and throws', async () => {
    answer(401, '{"code":"not_signed_in","message":"sign in first"}')
    const api = new Api()
    const over = vi.fn()
    api.onSignedOut = over
    await expect(api.get('/users')).rejects.toMatchObject({ code: 'not_signed_in', status: 401 })
    expect(over).toHaveBeenCalledTimes(1)
  })

  it('does not take a wrong password for the end of a session', async () => {
    answer(401, '{"code":"invalid_credentials","message":"wrong"}')
    const api = new Api()
    const over = vi.fn()
    api.onSignedOut = over
    await expect(api.post('/login', {})).rejects.toBeInstanceOf(ApiError)
    expect(over).not.toHaveBeenCalled()
  })

  it('gives undefined for 204', async () => {
    answer(204, '')
    expect(await new Api().delete('/users/1')).toBeUndefined()
  })

  it('names an unreachable server', async () => {
    vi.stubGlobal('fetch', async () => {
      throw new TypeError('Failed to fetch')
    })
    await expect(new Api().get('/users')).rejects.toMatchObject({ status: 0, code: 'unreachable' })
  })
})

describe('toApiError', () => {
  it('wraps what is not ours', () => {
    expect(toApiError(new Error('x'))).toMatchObject({ code: 'client_error', message: 'x' })
  })
})
