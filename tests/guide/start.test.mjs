// Starting, stopping and asking: what `vestibule start` prints, what it says when it cannot start.

import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { firstOperator } from '../harness/console.mjs'
import { Server, freePort, psql, temporaryFolder, until, vestibule } from '../harness/server.mjs'
import { app, newcomer, ok } from './client.mjs'

const NAMES = ['API_URL', 'DB_URL', 'STUDIO_URL', 'MAILPIT_URL', 'PUBLISHABLE_KEY', 'SECRET_KEY', 'JWT_SECRET', 'ANON_KEY', 'SERVICE_ROLE_KEY']

test('the banner and `status` tell URLs and keys, and they work', async (t) => {
  const server = await Server.start(t)
  assert.deepEqual(Object.keys(server.keys).sort(), [...NAMES].sort())
  assert.equal(server.keys.API_URL, server.url)
  assert.match(server.keys.PUBLISHABLE_KEY, /^sb_publishable_\S{20,}$/)
  assert.match(server.keys.SECRET_KEY, /^sb_secret_\S{20,}$/)
  assert.match(server.keys.DB_URL, /^postgres(ql)?:\/\/postgres:[^@]+@127\.0\.0\.1:\d+\/postgres$/)
  const { email, password } = await firstOperator(server)
  const banner = await until('the banner', async () => (/ready in/.test(server.banner) ? server.banner : undefined))
  for (const name of NAMES) assert.ok(banner.includes(server.keys[name]), `${name} is in the banner`)
  assert.ok(banner.includes(email) && banner.includes(password))

  const env = await server.command(['status', '-o', 'env'])
  const lines = Object.fromEntries(env.stdout.trim().split('\n').map((line) => /^([A-Z_]+)="(.*)"$/.exec(line)?.slice(1) ?? []))
  assert.deepEqual(lines, server.keys)
  assert.match((await server.command(['status'])).stdout, /API URL: http/)

  assert.equal((await fetch(server.keys.STUDIO_URL)).status, 200)
  assert.equal((await fetch(server.keys.MAILPIT_URL)).status, 200)
  for (const key of ['PUBLISHABLE_KEY', 'SECRET_KEY', 'ANON_KEY', 'SERVICE_ROLE_KEY']) {
    assert.equal((await server.request('GET', '/auth/v1/settings', { key: server.keys[key] })).status, 200)
  }
  const shown = await server.command(['keys', 'show'])
  for (const key of ['PUBLISHABLE_KEY', 'SECRET_KEY', 'ANON_KEY', 'SERVICE_ROLE_KEY', 'JWT_SECRET']) assert.ok(shown.stdout.includes(server.keys[key]))
  assert.equal((await stat(join(server.home, 'keys.json'))).mode & 0o777, 0o600)
  assert.equal((await stat(join(server.home, 'first-operator.json'))).mode & 0o777, 0o600)
})

test('a second start on the same data is ready in under a second and knows everything', async (t) => {
  const server = await Server.start(t)
  const { email, password, user, session } = await newcomer(server)
  const keys = server.keys
  const code = await server.stop()
  assert.equal(code, 0)
  assert.deepEqual(await server.postmasters(), [], 'the database has stopped as well')
  await server.restart({ databasePort: Number(new URL(keys.DB_URL).port) })
  assert.ok(server.readyMs < 1000, `ready after ${server.readyMs} ms`)
  assert.deepEqual(server.keys, keys)
  await ok(app(server).auth.signInWithPassword({ email, password }))
  const refreshed = await ok(app(server).auth.refreshSession(session))
  assert.equal(refreshed.user?.id, user.id)
  assert.equal((await app(server).auth.getUser(session.access_token)).data.user?.id, user.id, 'tokens of before are good')
})

test('requests under way are finished before the end', async (t) => {
  const server = await Server.start(t)
  await server.sql(`create function public.slow() returns int language sql as $$ select 7 from pg_sleep(1) $$`)
  await until('the function is known', async () => {
    const { status } = await server.request('POST', '/rest/v1/rpc/slow', { body: '{"n": 1}' })
    const known = await server.request('GET', '/rest/v1/rpc/slow', { headers: { prefer: 'handling=strict, nonsense' } })
    return status === 404 && known.json?.code === 'PGRST122' ? true : undefined
  })
  const answer = server.request('POST', '/rest/v1/rpc/slow', { body: {} })
  await until('the request is running', async () =>
    (await server.value(`select count(*) from pg_stat_activity where query like '%slow%' and wait_event = 'PgSleep'`)) === '1' ? true : undefined)
  const stopped = server.stop('SIGINT')
  assert.equal((await answer).text, '7')
  assert.equal(await stopped, 0)
})

test('ports that are taken are named in one line', async (t) => {
  const folder = await temporaryFolder(t)
  const taken = createServer().listen(0, '127.0.0.1')
  await new Promise((listening) => taken.once('listening', () => listening(undefined)))
  t.after(() => new Promise((closed) => taken.close(closed)))
  const { port } = /** @type {any} */ (taken.address())
  const api = await Server.attempt({ home: join(folder, 'a'), port })
  const db = await Server.attempt({ home: join(folder, 'b'), databasePort: port })
  for (const { code, stderr } of [api, db]) {
    assert.notEqual(code, 0)
    assert.match(stderr, new RegExp(`\\b${port}\\b`))
    assert.doesNotMatch(stderr, /panicked|RUST_BACKTRACE/)
  }
})

test('a second server on the same data directory is refused', async (t) => {
  const server = await Server.start(t)
  const second = await Server.attempt({ home: server.home })
  assert.notEqual(second.code, 0)
  assert.match(second.stderr, new RegExp(String(server.child.pid)))
  assert.equal((await server.postmasters()).length, 1)
  await newcomer(server)
})

test('a data directory of another major version is refused with both versions', async (t) => {
  const folder = await temporaryFolder(t)
  await mkdir(join(folder, 'home/pgdata'), { recursive: true })
  await writeFile(join(folder, 'home/pgdata/PG_VERSION'), '9\n')
  const { code, stderr } = await Server.attempt({ home: join(folder, 'home') })
  assert.notEqual(code, 0)
  assert.match(stderr, /\b9\b/)
})

test('wrong settings stop the start and are named', async (t) => {
  const folder = await temporaryFolder(t)
  const { code, stderr } = await Server.attempt({ home: join(folder, 'home'), env: { GOTRUE_JWT_EXP: 'soon' } })
  assert.notEqual(code, 0)
  assert.match(stderr, /GOTRUE_JWT_EXP.*soon/)
})

test('a dead database is started again', async (t) => {
  const server = await Server.start(t)
  const [pid] = await server.postmasters()
  process.kill(pid, 'SIGKILL')
  await until('the server serves again', async () => {
    const { status } = await server.request('POST', '/auth/v1/token?grant_type=password', { body: { email: 'a@example.com', password: 'wrong-password' } })
    const now = await server.postmasters()
    return status === 400 && now.length === 1 && now[0] !== pid ? true : undefined
  })
})

test('without a running server `status` says so', async (t) => {
  const folder = await temporaryFolder(t)
  const { code, stderr } = await vestibule(['status', '--home', join(folder, 'nowhere')])
  assert.notEqual(code, 0)
  assert.match(stderr, /vestibule start/)
})

test('version, help and completions need no server', async () => {
  assert.match((await vestibule(['version'])).stdout, /^vestibule \d+\.\d+\.\d+\n$/)
  for (const command of ['start', 'serve', 'status', 'sql', 'users', 'storage', 'keys', 'version', 'completions']) {
    assert.match((await vestibule(['--help'])).stdout, new RegExp(`^  ${command}\\b`, 'm'))
  }
  for (const shell of ['bash', 'zsh', 'fish']) assert.match((await vestibule(['completions', shell])).stdout, /vestibule/)
})

test('keys can be given from outside', async (t) => {
  const env = {
    JWT_SECRET: 'a secret that is at least 32 characters long',
    PUBLISHABLE_KEY: 'sb_publishable_given_from_outside_1',
    SECRET_KEY: 'sb_secret_given_from_outside_12345',
  }
  const server = await Server.start(t, { env })
  const given = await server.request('GET', '/auth/v1/admin/users', { key: env.SECRET_KEY })
  assert.equal(given.status, 200, given.text)
})

test('nothing secret is logged', async (t) => {
  const server = await Server.start(t, { env: { VESTIBULE_LOG: 'debug' } })
  const { email, password, session, client } = await newcomer(server, { password: 'a-very-visible-password' })
  await ok(client.auth.refreshSession())
  await app(server).auth.signInWithPassword({ email, password: 'a-wrong-visible-password' })
  await server.request('GET', `/rest/v1/nothing?apikey=${server.keys.SECRET_KEY}&email=eq.${email}`, { key: null })
  await server.stop()
  for (const text of [email, password, 'a-wrong-visible-password', session.refresh_token, session.access_token, server.keys.SECRET_KEY, server.keys.JWT_SECRET, new URL(server.keys.DB_URL).password]) {
    assert.ok(!server.log.includes(text), `the log holds ${text.slice(0, 12)}…`)
  }
})
