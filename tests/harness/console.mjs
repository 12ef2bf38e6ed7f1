// The console's API as a signed-in operator uses it.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** The first operator's address and one-time password, as `vestibule start` made them. */
export async function firstOperator(server) {
  return JSON.parse(await readFile(join(server.home, 'first-operator.json'), 'utf8'))
}

/** An operator's session over plain HTTP. */
export class Operator {
  #server
  #cookie = ''
  csrf = ''

  constructor(server) {
    this.#server = server
  }

  /** Signs the first operator in and replaces the one-time password. */
  static async first(server, password = 'a sentence of an operator') {
    const operator = new Operator(server)
    const { email, password: once } = await firstOperator(server)
    const login = await operator.call('POST', '/login', { email, password: once })
    assert.equal(login.status, 200, login.text)
    assert.equal(login.json.operator.must_change_password, true)
    const changed = await operator.call('POST', '/password', { current_password: once, new_password: password })
    assert.equal(changed.status, 200, changed.text)
    return operator
  }

  /** Sends a request; the answer's body is read unless it is to be streamed. */
  async call(method, path, body, { stream = false, form = false, headers = {} } = {}) {
    const answer = await fetch(`${this.#server.url}/dashboard/api${path}`, {
      method,
      redirect: 'manual',
      headers: {
        ...(this.#cookie ? { cookie: this.#cookie } : {}),
        ...(method === 'GET' ? {} : { origin: this.#server.url }),
        ...(method === 'GET' || form ? {} : { 'x-csrf-token': this.csrf }),
        ...(body === undefined || form ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      body: body === undefined ? undefined : form ? new URLSearchParams(body) : JSON.stringify(body),
    })
    for (const cookie of answer.headers.getSetCookie()) this.#cookie = cookie.split(';')[0]
    if (stream) return { status: answer.status, headers: answer.headers, body: answer.body }
    const text = await answer.text()
    const json = answer.headers.get('content-type')?.startsWith('application/json') ? JSON.parse(text) : undefined
    if (json?.csrf_token) this.csrf = json.csrf_token
    return { status: answer.status, headers: answer.headers, text, json }
  }
}
