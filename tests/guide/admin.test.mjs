// Point 8: users managed with the secret key, and by nobody without it.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { before, test } from 'node:test'
import { Server } from '../harness/server.mjs'
import { admin, app, claimsOf, newcomer, ok, prepare } from './client.mjs'

/** @type {Server} */ let server
before(async (t) => {
  server = await Server.start(t)
  await prepare(server)
})

for (const name of ['SECRET_KEY', 'SERVICE_ROLE_KEY']) {
  test(`8: users are created, read, changed and deleted with ${name}`, async () => {
    const { auth } = app(server, server.keys[name])
    const email = `${randomUUID()}@example.com`
    const { user } = await ok(auth.admin.createUser({
      email, password: 'example-password', email_confirm: true,
      user_metadata: { first_name: 'Ada' }, app_metadata: { plan: 'pro' },
    }))
    assert.equal(user.email, email)
    assert.ok(user.email_confirmed_at)
    assert.deepEqual(user.app_metadata, { provider: 'email', providers: ['email'], plan: 'pro' })
    assert.equal(await server.value(`select first_name from public.profiles where id = '${user.id}'`), 'Ada')

    const found = await ok(auth.admin.getUserById(user.id))
    assert.equal(found.user.email, email)
    assert.equal(found.user.identities?.length, 1)

    const { users, total } = /** @type {any} */ (await ok(auth.admin.listUsers({ page: 1, perPage: 1 })))
    assert.equal(users.length, 1)
    assert.equal(users[0].id, user.id, 'newest first')
    assert.equal(String(total), await server.value('select count(*) from auth.users'))

    const changed = await ok(auth.admin.updateUserById(user.id, {
      email: `new-${email}`, password: 'another-password', user_metadata: { age: 36 }, app_metadata: { plan: null },
    }))
    assert.equal(changed.user.id, user.id)
    assert.equal(changed.user.email, `new-${email}`)
    assert.deepEqual([changed.user.user_metadata.first_name, changed.user.user_metadata.age], ['Ada', 36])
    assert.ok(!('plan' in changed.user.app_metadata))
    const { session } = await ok(app(server).auth.signInWithPassword({ email: `new-${email}`, password: 'another-password' }))
    assert.equal(claimsOf(session.access_token).sub, user.id)

    await ok(auth.admin.deleteUser(user.id))
    assert.equal(await server.value(`select count(*) from auth.users where id = '${user.id}'`), '0')
    assert.equal(await server.value(`select count(*) from public.profiles where id = '${user.id}'`), '0')
    const gone = await auth.admin.getUserById(user.id)
    assert.deepEqual([gone.error?.status, gone.error?.code], [404, 'user_not_found'])
    assert.equal((await auth.admin.deleteUser(user.id)).error?.status, 404)
  })
}

test('8: a soft delete keeps the row and its id, and nothing that tells who it was', async () => {
  const { user, email, password, session } = await newcomer(server, { data: { first_name: 'Soft' } })
  await ok(admin(server).auth.admin.deleteUser(user.id, true))
  const [row] = await server.rows(`
    select deleted_at is not null, email = '${email}', raw_user_meta_data::text from auth.users where id = '${user.id}'`)
  assert.deepEqual(row, ['t', 'f', '{}'])
  assert.equal(await server.value(`select count(*) from public.profiles where id = '${user.id}'`), '1', 'nothing cascades')
  assert.equal((await app(server).auth.signInWithPassword({ email, password })).error?.code, 'invalid_credentials')
  assert.equal((await app(server).auth.refreshSession(session)).error?.code, 'refresh_token_not_found')
  const again = await newcomer(server, { email })
  assert.notEqual(again.user.id, user.id, 'the address is free again')
})

test('8: a ban ends refreshing and lifts again', async () => {
  const { user, email, password, session } = await newcomer(server)
  const { auth } = admin(server)
  const banned = await ok(auth.admin.updateUserById(user.id, { ban_duration: '24h' }))
  assert.ok(/** @type {any} */ (banned.user).banned_until)
  assert.equal((await app(server).auth.signInWithPassword({ email, password })).error?.code, 'user_banned')
  assert.equal((await app(server).auth.refreshSession(session)).error?.code, 'user_banned')
  await ok(auth.admin.updateUserById(user.id, { ban_duration: 'none' }))
  await ok(app(server).auth.signInWithPassword({ email, password }))
})

test('8: pages of users are complete and do not overlap', async () => {
  for (let n = 0; n < 7; n++) await newcomer(server)
  const { auth } = admin(server)
  const seen = []
  for (let page = 1; ; page++) {
    const answer = /** @type {any} */ (await ok(auth.admin.listUsers({ page, perPage: 3 })))
    seen.push(...answer.users.map((user) => user.id))
    if (!answer.nextPage) break
    assert.equal(answer.nextPage, page + 1)
  }
  const all = (await server.rows('select id from auth.users')).map(([id]) => id)
  assert.deepEqual([...seen].sort(), all.sort())
})

test('8: without the secret key everything is refused and nothing changes', async () => {
  const { user, client, token } = await newcomer(server)
  const before = await server.rows('select id, email, updated_at from auth.users order by id')
  const attempts = (auth) => [
    auth.admin.listUsers(),
    auth.admin.getUserById(user.id),
    auth.admin.createUser({ email: 'intruder@example.com', password: 'example-password' }),
    auth.admin.updateUserById(user.id, { email: 'intruder@example.com' }),
    auth.admin.deleteUser(user.id),
    auth.admin.deleteUser(user.id, true),
  ]
  const callers = [
    app(server),
    app(server, server.keys.ANON_KEY),
    app(server, server.keys.PUBLISHABLE_KEY, { Authorization: `Bearer ${token}` }),
  ]
  for (const { auth } of callers) {
    for (const { error } of await Promise.all(attempts(auth))) {
      assert.deepEqual([error?.status, error?.code], [403, 'not_admin'])
    }
  }
  const bare = await server.request('GET', '/auth/v1/admin/users', { key: null })
  assert.deepEqual([bare.status, bare.json.error_code], [401, 'no_authorization'])
  assert.deepEqual(await server.rows('select id, email, updated_at from auth.users order by id'), before)
  await ok(client.auth.getUser())
})

test('8: a user made by hand with a taken address is refused', async () => {
  const { email } = await newcomer(server)
  const { error } = await admin(server).auth.admin.createUser({ email, password: 'example-password' })
  assert.deepEqual([error?.status, error?.code], [422, 'email_exists'])
})

test('the command line lists, creates, shows and deletes users through the same API', async () => {
  const email = `${randomUUID()}@example.com`
  const created = await server.command(['users', 'create', '--email', email, '--password', '-', '--metadata', '{"first_name": "Cli"}'],
    { input: 'example-password\n' })
  assert.equal(created.code, 0, created.stderr)
  const { id } = JSON.parse(created.stdout)
  assert.equal(await server.value(`select first_name from public.profiles where id = '${id}'`), 'Cli')
  await ok(app(server).auth.signInWithPassword({ email, password: 'example-password' }))
  assert.match((await server.command(['users', 'list'])).stdout, new RegExp(`${id}.*${email}`))
  assert.equal(JSON.parse((await server.command(['users', 'show', email])).stdout).id, id)
  const again = await server.command(['users', 'create', '--email', email])
  assert.notEqual(again.code, 0)
  assert.match(again.stderr, /email_exists/)
  assert.equal((await server.command(['users', 'delete', id])).code, 0)
  assert.equal(await server.value(`select count(*) from auth.users where id = '${id}'`), '0')
  assert.notEqual((await server.command(['users', 'show', email])).code, 0)
})
