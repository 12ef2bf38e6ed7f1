// Dumps of the auth schema go both ways: what `pg_dump --data-only` gives, another database takes.

import assert from 'node:assert/strict'
import { dirname, join } from 'node:path'
import { before, test } from 'node:test'
import { Server, psql, run } from '../harness/server.mjs'
import { app, newcomer, ok, prepare } from './client.mjs'

/** @type {Server} */ let server
before(async (t) => (server = await Server.start(t)))

const pgDump = process.env.PSQL ? join(dirname(process.env.PSQL), 'pg_dump') : 'pg_dump'

test('users, identities and sessions of a dump are there after restoring it, and can sign in', async (t) => {
  await prepare(server)
  const { user, email, password } = await newcomer(server, { data: { first_name: 'John', tags: ['a', 'ü'], age: 27 } })
  const dump = await run(pgDump, ['--data-only', '--schema=auth', '--disable-triggers', '-d', server.keys.DB_URL])
  assert.equal(dump.code, 0, dump.stderr)
  assert.match(dump.stdout, /COPY auth\.users /)

  const other = await Server.start(t)
  const restored = await psql(other.keys.DB_URL, ['-v', 'ON_ERROR_STOP=1', '-q', '-f', '-'], dump.stdout)
  assert.equal(restored.code, 0, restored.stderr)
  for (const table of ['users', 'identities', 'sessions', 'refresh_tokens']) {
    const content = `select coalesce(string_agg(t::text, '' order by t::text), '') from auth.${table} t`
    assert.equal(await other.value(content), await server.value(content), table)
  }
  const signedIn = await ok(app(other).auth.signInWithPassword({ email, password }))
  assert.equal(signedIn.user.id, user.id)
  assert.equal(signedIn.user.user_metadata.age, 27)
})
