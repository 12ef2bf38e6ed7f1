// Point 1: the guide's SQL runs as it is printed.

import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { Server, psql, run } from '../harness/server.mjs'
import { beside } from './client.mjs'

const UNDO = 'drop trigger on_auth_user_created on auth.users; drop function public.handle_new_user; drop table public.profiles'

/** @type {Server} */ let server
before(async (t) => (server = await Server.start(t)))

async function isInPlace() {
  const [constraint] = await server.rows(`
    select contype, confrelid::regclass, confdeltype, pg_get_constraintdef(oid)
    from pg_constraint where conrelid = 'public.profiles'::regclass and contype = 'f'`)
  assert.deepEqual(constraint, ['f', 'auth.users', 'c', 'FOREIGN KEY (id) REFERENCES auth.users(id) ON DELETE CASCADE'])
  assert.equal(await server.value(`select relrowsecurity from pg_class where oid = 'public.profiles'::regclass`), 't')
  assert.equal(await server.value(`
    select tgfoid::regproc from pg_trigger where tgrelid = 'auth.users'::regclass and tgname = 'on_auth_user_created'`),
    'handle_new_user')
}

test('the SQL runs through psql', async () => {
  const done = await psql(server.keys.DB_URL, ['-v', 'ON_ERROR_STOP=1', '-f', beside('guide.sql')])
  assert.equal(done.code, 0, done.stderr)
  await isInPlace()
  await server.sql(UNDO)
})

test('the SQL runs through `vestibule sql -f`', async () => {
  const done = await server.command(['sql', '-f', beside('guide.sql')])
  assert.equal(done.code, 0, done.stderr)
  await isInPlace()
  await server.sql(UNDO)
})

test('the SQL runs through standard input of `vestibule sql`', async () => {
  const { readFile } = await import('node:fs/promises')
  const done = await server.command(['sql'], { input: await readFile(beside('guide.sql'), 'utf8') })
  assert.equal(done.code, 0, done.stderr)
  await isInPlace()
})

test('the reference is a real foreign key', async () => {
  const done = await psql(server.keys.DB_URL, ['-v', 'VERBOSITY=sqlstate', '-c',
    `insert into public.profiles (id) values ('00000000-0000-4000-8000-000000000001')`])
  assert.match(done.stderr, /23503/)
  assert.equal(await server.value('select count(*) from public.profiles'), '0')
})

test('the primary key of auth.users is its id', async () => {
  assert.equal(await server.value(`
    select pg_get_constraintdef(oid) from pg_constraint where conrelid = 'auth.users'::regclass and contype = 'p'`),
    'PRIMARY KEY (id)')
})

test('an error names its file, line and SQLSTATE, and undoes the whole file', async () => {
  const done = await server.command(['sql', '-f', beside('wrong.sql')])
  assert.notEqual(done.code, 0)
  assert.match(done.stderr, /wrong\.sql: line 3: .*SQLSTATE 42601/s)
  assert.equal(await server.value(`select to_regclass('public.before_the_mistake')`), null)
})

test('results come as a table, CSV or JSON', async () => {
  const query = `select 1 as n, null::text as nothing, '' as empty, '{"a": [1]}'::jsonb as doc, true as yes`
  const print = async (format) => {
    const done = await server.command(['sql', query, '--format', format])
    assert.equal(done.code, 0, done.stderr)
    return done.stdout
  }
  assert.match(await print('table'), /^n \| nothing \| empty/)
  assert.match(await print('csv'), /^n,nothing,empty,doc,yes\r\n1,,"","\{""a"": \[1\]\}",t\r\n$/)
  assert.deepEqual(JSON.parse(await print('json')), [{ n: 1, nothing: null, empty: '', doc: { a: [1] }, yes: true }])
})

test('a reader that goes away early is no error', async () => {
  const done = await run('bash', ['-c', `set -o pipefail; "$1" sql 'select generate_series(1, 200000)' --home "$2" | head -n 1`,
    'bash', (await import('../harness/server.mjs')).binary, server.home])
  assert.equal(done.stderr, '')
  assert.match(done.stdout, /generate_series/)
})
