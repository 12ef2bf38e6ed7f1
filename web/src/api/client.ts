/** The console's one way to the server: JSON over same-origin fetch, CSRF token, typed errors. */

/** Where the API lives, with no slash at the end. */
export const API_ROOT = '/dashboard/api'

/** An answer of the server that is not a success, or no answer at all (`status` 0). */
export class ApiError extends Error {
  readonly status: number
  readonly code: string
  readonly hint: string | null
  readonly detail: unknown
  /** Seconds to wait before trying again, from `Retry-After`. */
  readonly retryAfter: number | null

  constructor(init: {
    status: number
    code: string
    message: string
    hint?: string | null
    detail?: unknown
    retryAfter?: number | null
  }) {
    super(init.message)
    this.name = 'ApiError'
    this.status = init.status
    this.code = init.code
    this.hint = init.hint ?? null
    this.detail = init.detail ?? null
    this.retryAfter = init.retryAfter ?? null
  }
}

/** Turns anything thrown into an `ApiError`, so that screens handle one kind of failure. */
export function toApiError(cause: unknown): ApiError {
  if (cause instanceof ApiError) return cause
  const message = cause instanceof Error ? cause.message : String(cause)
  return new ApiError({ status: 0, code: 'client_error', message })
}

/** Reads the error envelope; a body that is not one still gives a usable error. */
export function errorFromBody(status: number, body: string, retryAfter: string | null): ApiError {
  const seconds = retryAfter === null ? NaN : Number.parseInt(retryAfter, 10)
  const wait = Number.isFinite(seconds) ? seconds : null
  try {
    const parsed: unknown = JSON.parse(body)
    if (typeof parsed === 'object' && parsed !== null && 'message' in parsed) {
      const { code, message, hint, detail } = parsed as Record<string, unknown>
      return new ApiError({
        status,
        code: typeof code === 'string' ? code : 'unknown_error',
        message: String(message),
        hint: typeof hint === 'string' && hint !== '' ? hint : null,
        detail,
        retryAfter: wait,
      })
    }
  } catch {
    // not JSON: fall through to the plain text below
  }
  const text = body.trim().slice(0, 300)
  return new ApiError({
    status,
    code: 'unexpected_answer',
    message: text === '' ? `the server answered ${status}` : `the server answered ${status}: ${text}`,
    retryAfter: wait,
  })
}

type Query = Record<string, string | number | boolean | null | undefined | readonly string[]>

/** Builds a query string; null, undefined and '' are left out, arrays repeat the name. */
export function queryString(query: Query): string {
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value === null || value === undefined || value === '') continue
    if (Array.isArray(value)) for (const item of value) params.append(name, item)
    else params.append(name, String(value))
  }
  const text = params.toString()
  return text === '' ? '' : `?${text}`
}

interface Call {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  path: string
  body?: unknown
  signal?: AbortSignal | undefined
}

/** One signed-in (or signing-in) browser tab's connection. Holds the CSRF token, nothing else. */
export class Api {
  #csrf = ''
  /** Called when the server says that the session is over. */
  onSignedOut: () => void = () => {}
  /** Called when the server insists on a new password first. */
  onPasswordRequired: () => void = () => {}

  set csrf(token: string) {
    this.#csrf = token
  }

  /** The token for the rare HTML form; fetches add it by themselves. */
  get csrf(): string {
    return this.#csrf
  }

  get<T>(path: string, signal?: AbortSignal): Promise<T> {
    return this.#call<T>({ method: 'GET', path, signal })
  }

  post<T>(path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
    return this.#call<T>({ method: 'POST', path, body, signal })
  }

  patch<T>(path: string, body: unknown): Promise<T> {
    return this.#call<T>({ method: 'PATCH', path, body })
  }

  delete<T>(path: string, body?: unknown): Promise<T> {
    return this.#call<T>({ method: 'DELETE', path, body })
  }

  async #call<T>({ method, path, body, signal }: Call): Promise<T> {
    const headers: Record<string, string> = { Accept: 'application/json' }
    if (body !== undefined) headers['Content-Type'] = 'application/json'
    if (method !== 'GET') headers['X-CSRF-Token'] = this.#csrf
    let response: Response
    let text: string
    try {
      response = await fetch(API_ROOT + path, {
        method,
        headers,
        credentials: 'same-origin',
        cache: 'no-store',
        body: body === undefined ? null : JSON.stringify(body),
        signal: signal ?? null,
      })
      text = await response.text()
    } catch (cause) {
      if (signal?.aborted) throw cause
      throw new ApiError({
        status: 0,
        code: 'unreachable',
        message: 'the server does not answer',
        hint: 'Check that Vestibule is running, then try again.',
      })
    }
    if (!response.ok) {
      const error = errorFromBody(response.status, text, response.headers.get('Retry-After'))
      if (error.code === 'not_signed_in') this.onSignedOut()
      if (error.code === 'password_change_required') this.onPasswordRequired()
      throw error
    }
    if (text === '') return undefined as T
    try {
      return JSON.parse(text) as T
    } catch {
      throw errorFromBody(response.status, text, null)
    }
  }
}
