// `vestibule serve`: over a PostgreSQL that is there already, empty or from an earlier run.

import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { Server, psql, vestibule } from '../harness/server.mjs'
import { admin, newcomer, ok, prepare } from './client.mjs'

// Its database serves as the existing one.
/** @type {Server} */ let host
before(async (t) => (host = await Server.start(t)))

/** The URL of a new, empty database. */
async function emptyDatabase(name) {
  await host.sql(`create database ${name} template template0`)
  const url = new URL(host.keys.DB_URL)
  url.pathname = `/${name}`
  return url.href
}

async function guideWorks(server) {
  await prepare(server)
  const { client, user } = await newcomer(server, { data: { first_name: 'John', age: 27 } })
  assert.deepEqual(await ok(client.from('profiles').select('first_name')), [{ first_name: 'John' }])
  assert.equal((await ok(client.auth.getUser())).user.id, user.id)
  assert.equal((await client.schema('auth').from('users').select()).error?.code, 'PGRST106')
  await ok(admin(server).storage.createBucket('files'))
  await ok(admin(server).storage.from('files').upload('a.txt', 'text'))
  await ok(admin(server).auth.admin.deleteUser(user.id))
  assert.deepEqual(await ok(admin(server).from('profiles').select()), [])
}

test('an empty database gets roles, schemas and everything else', async (t) => {
  const databaseUrl = await emptyDatabase('empty_one')
  const server = await Server.start(t, { databaseUrl })
  server.keys.DB_URL = databaseUrl
  assert.deepEqual(await server.postmasters(), [], 'no database of its own')
  await guideWorks(server)
  assert.equal(await server.value('select count(*) from auth.users'), '0')
})

test('several servers over one database start at once, and serve the same users', async (t) => {
  const databaseUrl = await emptyDatabase('shared')
  const env = { JWT_SECRET: 'a secret that both servers were given', PUBLISHABLE_KEY: 'sb_publishable_shared_by_both_1', SECRET_KEY: 'sb_secret_shared_by_both_servers' }
  const [one, other] = await Promise.all([Server.start(t, { databaseUrl, env }), Server.start(t, { databaseUrl, env })])
  const { user } = await newcomer(one)
  const found = await other.request('GET', `/auth/v1/admin/users/${user.id}`, { key: env.SECRET_KEY })
  assert.equal(found.status, 200, found.text)
})

test('a database that is not there is named, and its password is not', async (t) => {
  const url = new URL(host.keys.DB_URL)
  const password = url.password
  url.pathname = '/nowhere'
  const missing = await Server.attempt({ home: `${host.home}-none`, databaseUrl: url.href })
  assert.notEqual(missing.code, 0)
  assert.match(missing.stderr, /nowhere/)
  assert.ok(!missing.stderr.includes(password))
  url.password = 'wrong'
  const refused = await Server.attempt({ home: `${host.home}-none`, databaseUrl: url.href })
  assert.notEqual(refused.code, 0)
  assert.match(refused.stderr, /password authentication failed/)
})

test('`serve` without a database says what it needs', async () => {
  const { code, stderr } = await vestibule(['serve', '--home', `${host.home}-none`])
  assert.notEqual(code, 0)
  assert.match(stderr, /DATABASE_URL/)
})

test('the other commands work with --database-url', async () => {
  const done = await vestibule(['sql', 'select 1 as one', '--format', 'csv', '--database-url', host.keys.DB_URL, '--home', `${host.home}-none`])
  assert.equal(done.stdout, 'one\r\n1\r\n')
  const roles = await psql(host.keys.DB_URL, ['-At', '-c', `select string_agg(rolname, ',' order by rolname) from pg_roles where rolname ~ '^(anon|auth|service|supabase)'`])
  assert.equal(roles.stdout.trim(), 'anon,authenticated,authenticator,service_role,supabase_auth_admin,supabase_storage_admin')
})
