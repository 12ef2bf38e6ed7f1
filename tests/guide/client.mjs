// The clients of an app: supabase-js as it comes from npm.

import { createClient } from '@supabase/supabase-js'
import { createHmac, randomUUID } from 'node:crypto'
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { until } from '../harness/server.mjs'

/** Node 20 has no WebSocket, and supabase-js asks for one although nothing here listens for changes. */
class NoWebSocket {
  constructor() {
    throw new Error('nothing here uses realtime')
  }
}

/** An app's client with the given key, or the publishable one. */
export function app(server, key = server.keys.PUBLISHABLE_KEY, headers = {}) {
  return createClient(server.url, key, {
    auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false },
    realtime: { transport: globalThis.WebSocket ?? NoWebSocket },
    global: { headers },
  })
}

/** An app server's client: the secret key. */
export const admin = (server) => app(server, server.keys.SECRET_KEY)

/** The path of a file beside this one. */
export const beside = (name) => fileURLToPath(new URL(name, import.meta.url))

/** The text of a file beside this one. */
export const text = (name) => readFile(beside(name), 'utf8')

/** Runs the guide's SQL and the app's, and waits until the data API knows the tables. */
export async function prepare(server) {
  await server.sql(await text('guide.sql'))
  await server.sql(await text('app.sql'))
  await tableIsKnown(server, 'secrets')
}

/** Waits until the data API has heard of a new table. */
export function tableIsKnown(server, table) {
  return until(`the data API knows ${table}`, async () => {
    const { error } = await admin(server).from(table).select().limit(1)
    if (error && error.code !== 'PGRST205') assert.fail(`${error.code} ${error.message}`)
    return error ? undefined : true
  })
}

/** The answer of a supabase-js call that must not have failed. */
export async function ok(call) {
  const { data, error } = await call
  if (error) assert.fail(`${error.status ?? ''} ${error.code ?? ''} ${error.message}`)
  return data
}

/** Signs up a new user in a client of their own. */
export async function newcomer(server, { email = `${randomUUID()}@example.com`, password = 'example-password', data } = {}) {
  const client = app(server)
  const { user, session } = await ok(client.auth.signUp({ email, password, options: { data } }))
  assert.ok(user && session, 'a sign-up without confirmation gives a session')
  return { client, user, session, email, password, token: session.access_token }
}

const encode = (value) => Buffer.from(value).toString('base64url')

/** A token that the project's shared secret signed, or did not. */
export function forge(claims, { secret, header = { alg: 'HS256', typ: 'JWT' } }) {
  const content = `${encode(JSON.stringify(header))}.${encode(JSON.stringify(claims))}`
  const signature = secret === undefined ? '' : createHmac('sha256', secret).update(content).digest('base64url')
  return `${content}.${signature}`
}

/** The claims of a token, unverified. */
export const claimsOf = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString())
