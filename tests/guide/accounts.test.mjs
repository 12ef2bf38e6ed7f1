// Points 2 to 7 and 9: sign-up, metadata, sessions, the data API under policies, failing triggers, deleted users.

import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { Server, until } from '../harness/server.mjs'
import { admin, app, claimsOf, forge, newcomer, ok, prepare } from './client.mjs'

/** @type {Server} */ let server
before(async (t) => {
  server = await Server.start(t)
  await prepare(server)
})

test('2: signing up makes the user, the email identity and, by the trigger, the profile; types survive', async () => {
  const supabase = app(server)
  const { data, error } = await supabase.auth.signUp({
    email: 'Example@email.com',
    password: 'example-password',
    options: { data: { first_name: 'John', age: 27 } },
  })
  assert.equal(error, null)
  const { user, session } = data
  assert.equal(user?.email, 'example@email.com')
  assert.equal(user?.user_metadata.first_name, 'John')
  assert.strictEqual(user?.user_metadata.age, 27)
  assert.deepEqual(user?.app_metadata, { provider: 'email', providers: ['email'] })
  assert.equal(user?.identities?.length, 1)
  assert.equal(user?.identities?.[0].provider, 'email')
  assert.equal(session?.token_type, 'bearer')
  assert.equal(session?.expires_in, 3600)

  const [row] = await server.rows(`
    select email, role, aud, raw_user_meta_data ->> 'first_name', jsonb_typeof(raw_user_meta_data -> 'age'),
      raw_user_meta_data -> 'age', encrypted_password like '$2%' or encrypted_password like '$argon2%'
    from auth.users where id = '${user?.id}'`)
  assert.deepEqual(row, ['example@email.com', 'authenticated', 'authenticated', 'John', 'number', '27', 't'])
  assert.deepEqual(await server.rows(`
    select provider, provider_id, email, identity_data ->> 'sub' from auth.identities where user_id = '${user?.id}'`),
    [['email', user?.id, 'example@email.com', user?.id]])
  assert.deepEqual(await server.rows(`select first_name, last_name from public.profiles where id = '${user?.id}'`),
    [['John', null]])
  const claims = claimsOf(session?.access_token)
  assert.equal(claims.sub, user?.id)
  assert.equal(claims.role, 'authenticated')
  assert.strictEqual(claims.user_metadata.age, 27)
})

test('2: the same address cannot sign up twice', async () => {
  const { email } = await newcomer(server)
  const { data, error } = await app(server).auth.signUp({ email: email.toUpperCase(), password: 'another-password' })
  assert.equal(error?.code, 'user_already_exists')
  assert.equal(error?.status, 422)
  assert.equal(data.user, null)
  assert.equal(await server.value(`select count(*) from auth.users where lower(email) = '${email}'`), '1')
})

test('2: a weak password is refused with its reasons', async () => {
  const { error } = await app(server).auth.signUp({ email: 'weak@example.com', password: 'abc' })
  assert.equal(error?.code, 'weak_password')
  assert.equal(error?.status, 422)
  assert.deepEqual(/** @type {any} */ (error).reasons, ['length'])
})

test('3: getUser returns the metadata and updateUser merges it', async () => {
  const { client, user } = await newcomer(server, { data: { first_name: 'John', age: 27, tags: ['a', { b: null }] } })
  const first = await ok(client.auth.getUser())
  assert.equal(first.user.id, user.id)
  assert.equal(first.user.user_metadata.first_name, 'John')
  assert.strictEqual(first.user.user_metadata.age, 27)
  assert.deepEqual(first.user.user_metadata.tags, ['a', { b: null }])

  const updated = await ok(client.auth.updateUser({ data: { last_name: 'Ünïcode ☃', age: null, city: 'Basel' } }))
  const { first_name, last_name, city } = updated.user.user_metadata
  assert.deepEqual({ first_name, last_name, city }, { first_name: 'John', last_name: 'Ünïcode ☃', city: 'Basel' })
  assert.ok(!('age' in updated.user.user_metadata), 'null takes a key away')
  const again = await ok(client.auth.getUser())
  assert.deepEqual(again.user.user_metadata, updated.user.user_metadata)
  assert.equal(again.user.id, user.id)
  assert.equal(await server.value(`select raw_user_meta_data ->> 'last_name' from auth.users where id = '${user.id}'`), 'Ünïcode ☃')
})

test('3: a user cannot change app_metadata, role or id', async () => {
  const { client, user, token } = await newcomer(server)
  const answer = await server.request('PUT', '/auth/v1/user', {
    token, body: { data: { x: 1 }, app_metadata: { admin: true }, role: 'service_role', id: '00000000-0000-4000-8000-000000000009' },
  })
  assert.ok(answer.status === 200 || answer.status === 403, `${answer.status} ${answer.text}`)
  const { user: now } = await ok(client.auth.getUser())
  assert.equal(now.id, user.id)
  assert.equal(now.role, 'authenticated')
  assert.deepEqual(now.app_metadata, { provider: 'email', providers: ['email'] })
})

test('4: signing in, refreshing and signing out are rows in auth.sessions and auth.refresh_tokens', async () => {
  const { email, password, user } = await newcomer(server)
  const supabase = app(server)
  const { session } = await ok(supabase.auth.signInWithPassword({ email, password }))
  const sessionId = claimsOf(session.access_token).session_id
  const tokens = `select revoked, parent from auth.refresh_tokens where session_id = '${sessionId}' order by id`
  assert.equal(await server.value(`select user_id from auth.sessions where id = '${sessionId}'`), user.id)
  assert.deepEqual(await server.rows(tokens), [['f', null]])
  assert.equal(await server.value(`select count(*) from auth.refresh_tokens where token = '${session.refresh_token}'`), '1')

  const refreshed = await ok(supabase.auth.refreshSession())
  assert.notEqual(refreshed.session?.refresh_token, session.refresh_token)
  assert.equal(claimsOf(refreshed.session?.access_token).session_id, sessionId)
  assert.deepEqual(await server.rows(tokens), [['t', null], ['f', session.refresh_token]])

  const { error } = await supabase.auth.signOut({ scope: 'local' })
  assert.equal(error, null)
  assert.equal(await server.value(`select count(*) from auth.sessions where id = '${sessionId}'`), '0')
  assert.deepEqual(await server.rows(tokens), [])
  const after = await app(server).auth.refreshSession({ refresh_token: /** @type {any} */ (refreshed.session).refresh_token })
  assert.equal(after.error?.code, 'refresh_token_not_found')
  const whoAmI = await server.request('GET', '/auth/v1/user', { token: refreshed.session?.access_token })
  assert.deepEqual([whoAmI.status, whoAmI.json.error_code], [403, 'session_not_found'])
  assert.equal(await server.value(`select count(*) from auth.sessions where user_id = '${user.id}'`), '1', 'the other session stays')
})

test('4: signing out everywhere ends every session of the user and of nobody else', async () => {
  const one = await newcomer(server)
  const other = await newcomer(server)
  const second = app(server)
  await ok(second.auth.signInWithPassword(one))
  assert.equal((await one.client.auth.signOut()).error, null)
  assert.equal(await server.value(`select count(*) from auth.sessions where user_id = '${one.user.id}'`), '0')
  assert.equal(await server.value(`select count(*) from auth.sessions where user_id = '${other.user.id}'`), '1')
  assert.equal((await second.auth.refreshSession()).error?.code, 'refresh_token_not_found')
})

test('4: a wrong password and an unknown address look the same', async () => {
  const { email } = await newcomer(server)
  const wrong = await app(server).auth.signInWithPassword({ email, password: 'not-the-password' })
  const unknown = await app(server).auth.signInWithPassword({ email: 'nobody@example.com', password: 'not-the-password' })
  for (const { error } of [wrong, unknown]) {
    assert.equal(error?.code, 'invalid_credentials')
    assert.equal(error?.status, 400)
  }
  assert.equal(wrong.error?.message, unknown.error?.message)
})

test('5: select returns what the policies of the caller allow', async () => {
  const john = await newcomer(server, { data: { first_name: 'John' } })
  const jane = await newcomer(server, { data: { first_name: 'Jane' } })
  const mine = await ok(john.client.from('profiles').select())
  assert.deepEqual(mine, [{ id: john.user.id, first_name: 'John', last_name: null }])
  assert.deepEqual(await ok(app(server).from('profiles').select()), [], 'nobody signed in sees nothing')
  const all = await ok(admin(server).from('profiles').select('id').in('id', [john.user.id, jane.user.id]))
  assert.equal(all.length, 2)
  const legacy = await ok(app(server, server.keys.SERVICE_ROLE_KEY).from('profiles').select('id', { count: 'exact', head: true }))
  assert.equal(legacy, null)
  const { count } = await admin(server).from('profiles').select('*', { count: 'exact', head: true })
  assert.equal(String(count), await server.value('select count(*) from public.profiles'))
  const single = await ok(john.client.from('profiles').select('first_name').eq('id', john.user.id).single())
  assert.deepEqual(single, { first_name: 'John' })
  const none = await john.client.from('profiles').select().eq('id', jane.user.id).single()
  assert.equal(none.error?.code, 'PGRST116')
  assert.equal(none.status, 406)
})

test('5: insert, update, delete and rpc go through the policies', async () => {
  const john = await newcomer(server)
  const jane = await newcomer(server)
  const note = await ok(john.client.from('notes').insert({ body: 'a secret of john' }).select().single())
  assert.equal(note.author, john.user.id)
  await ok(john.client.from('notes').insert([{ body: 'a public one of john', public: true }, { body: 'a third of john', public: false }]))

  const forged = await jane.client.from('notes').insert({ body: 'in the name of john', author: john.user.id })
  assert.equal(forged.error?.code, '42501')
  assert.equal(forged.status, 403)
  const anonymous = await app(server).from('notes').insert({ body: 'by nobody' })
  assert.equal(anonymous.error?.code, '42501')
  assert.equal(anonymous.status, 401)

  assert.deepEqual(await ok(jane.client.from('notes').update({ body: 'overwritten' }).eq('id', note.id).select()), [])
  assert.deepEqual(await ok(jane.client.from('notes').delete().eq('id', note.id).select()), [])
  const changed = await ok(john.client.from('notes').update({ body: 'changed by john' }).eq('id', note.id).select('body'))
  assert.deepEqual(changed, [{ body: 'changed by john' }])

  assert.deepEqual(await ok(jane.client.rpc('note_bodies', { containing: 'john' })), ['a public one of john'])
  assert.deepEqual(await ok(john.client.rpc('note_bodies', { containing: 'john' })),
    ['changed by john', 'a public one of john', 'a third of john'])

  assert.equal((await ok(john.client.from('notes').delete().eq('id', note.id).select())).length, 1)
  const upserted = await ok(john.client.from('profiles').upsert({ id: john.user.id, last_name: 'Doe' }).select())
  assert.deepEqual(upserted, [{ id: john.user.id, first_name: null, last_name: 'Doe' }])
  assert.equal(await server.value(`select count(*) from public.notes where author = '${john.user.id}'`), '2')
})

test('6: the auth and storage schemas are not in the data API', async () => {
  const { client } = await newcomer(server)
  for (const supabase of [app(server), client, admin(server)]) {
    for (const [schema, table] of [['auth', 'users'], ['storage', 'objects'], ['vestibule', 'operators'], ['pg_catalog', 'pg_authid']]) {
      const { data, error, status } = await supabase.schema(schema).from(table).select()
      assert.equal(error?.code, 'PGRST106', `${schema}: ${JSON.stringify(error)}`)
      assert.equal(status, 406)
      assert.equal(data, null)
    }
  }
})

/** How many rows of each table of the database hold `text` anywhere. */
async function tablesWith(text) {
  const tables = await server.rows(`
    select format('%I.%I', schemaname, tablename) from pg_tables where schemaname not in ('pg_catalog', 'information_schema')`)
  const counts = tables.map(([table]) => `select '${table}', count(*) from ${table} as t where t::text like '%${text}%'`)
  return (await server.rows(counts.join(' union all '))).filter(([, count]) => count !== '0')
}

test('7: a failing trigger blocks the sign-up, leaves nothing, and the log names the cause', async (t) => {
  await server.sql(`
    create function public.write_ledger() returns trigger language plpgsql as $$
    begin
      if new.email like 'blocked-%' then
        raise exception 'the ledger is closed' using errcode = 'ZX042', hint = 'open it';
      end if;
      return new;
    end $$;
    create trigger z_ledger after insert on auth.users for each row execute function public.write_ledger();`)
  t.after(() => server.sql('drop trigger z_ledger on auth.users; drop function public.write_ledger'))

  const email = 'blocked-1@example.com'
  const { data, error } = await app(server).auth.signUp({ email, password: 'example-password' })
  // supabase-js takes every 500 for one that may pass, and shows its status and message, not its code
  assert.equal(error?.status, 500)
  assert.equal(error?.message, 'Database error saving new user')
  assert.equal(data.user, null)
  assert.deepEqual(await tablesWith(email), [])
  const current = await server.request('POST', '/auth/v1/signup', {
    body: { email, password: 'example-password' }, headers: { 'x-supabase-api-version': '2024-01-01' },
  })
  assert.deepEqual([current.status, current.json], [500, { code: 'unexpected_failure', message: 'Database error saving new user' }])

  const raw = await server.request('POST', '/auth/v1/signup', { body: { email: 'blocked-2@example.com', password: 'example-password' } })
  assert.equal(raw.status, 500)
  assert.deepEqual([raw.json.code, raw.json.error_code, raw.json.msg], [500, 'unexpected_failure', 'Database error saving new user'])
  assert.doesNotMatch(raw.text, /ledger/)
  const id = raw.headers.get('x-request-id')
  const line = await server.logLine(new RegExp(`${id}`))
  assert.match(line, /ZX042/)
  assert.match(line, /write_ledger/)
  assert.match(line, /the ledger is closed/)
  assert.deepEqual(await tablesWith('blocked-2@example.com'), [])

  const { email: fine } = await newcomer(server)
  assert.notDeepEqual(await tablesWith(fine), [], 'the search above does find a user who is there')
})

test('7: a trigger that breaks a constraint blocks the admin API too', async (t) => {
  await server.sql(`alter table public.profiles add constraint no_voldemort check (first_name <> 'Voldemort')`)
  t.after(() => server.sql('alter table public.profiles drop constraint no_voldemort'))
  const { error } = await admin(server).auth.admin.createUser({
    email: 'tom@example.com', password: 'example-password', user_metadata: { first_name: 'Voldemort' },
  })
  assert.equal(error?.status, 500)
  assert.deepEqual(await tablesWith('tom@example.com'), [])
  await server.logLine(/23514.*no_voldemort|no_voldemort.*23514/)
})

test('9: a deleted user: profile gone, token good until it expires, getUser and refresh dead, guarded rows cut off', async () => {
  const { client, user, session, token } = await newcomer(server, { data: { first_name: 'Gone' } })
  const asTheUser = app(server, server.keys.PUBLISHABLE_KEY, { Authorization: `Bearer ${token}` })
  assert.equal((await ok(asTheUser.from('profiles').select())).length, 1)
  assert.equal((await ok(asTheUser.from('announcements').select())).length, 1)
  assert.equal((await ok(asTheUser.from('secrets').select())).length, 1, 'a live session sees guarded rows')

  await ok(admin(server).auth.admin.deleteUser(user.id))
  assert.equal(await server.value(`select count(*) from public.profiles where id = '${user.id}'`), '0')
  assert.equal(await server.value(`select count(*) from auth.identities where user_id = '${user.id}'`), '0')
  assert.equal(await server.value(`select count(*) from auth.sessions where user_id = '${user.id}'`), '0')

  assert.equal((await ok(asTheUser.from('announcements').select())).length, 1, 'the data API accepts the token')
  assert.deepEqual(await ok(asTheUser.from('profiles').select()), [])
  assert.deepEqual(await ok(asTheUser.from('secrets').select()), [], 'guarded rows are cut off at once')

  const whoAmI = await app(server).auth.getUser(token)
  assert.equal(whoAmI.error?.code, 'user_not_found')
  assert.equal(whoAmI.error?.status, 403)
  const refreshed = await client.auth.refreshSession({ refresh_token: session.refresh_token })
  assert.equal(refreshed.error?.code, 'refresh_token_not_found')

  const past = Math.floor(Date.now() / 1000) - 3600
  const expired = forge({ ...claimsOf(token), iat: past - 60, exp: past }, { secret: server.keys.JWT_SECRET })
  const late = await app(server, server.keys.PUBLISHABLE_KEY, { Authorization: `Bearer ${expired}` }).from('announcements').select()
  assert.equal(late.status, 401)
  assert.equal(late.error?.code, 'PGRST303')
  const inTime = forge({ ...claimsOf(token) }, { secret: server.keys.JWT_SECRET })
  const early = await app(server, server.keys.PUBLISHABLE_KEY, { Authorization: `Bearer ${inTime}` }).from('announcements').select()
  assert.equal(early.status, 200, 'the same token before its time')
})

test('9: signing out, a ban and a soft delete cut guarded rows off as well', async () => {
  const guarded = async (token) =>
    (await ok(app(server, server.keys.PUBLISHABLE_KEY, { Authorization: `Bearer ${token}` }).from('secrets').select())).length
  const [leaver, banned, soft] = [await newcomer(server), await newcomer(server), await newcomer(server)]
  for (const { token } of [leaver, banned, soft]) assert.equal(await guarded(token), 1)
  await leaver.client.auth.signOut()
  await ok(admin(server).auth.admin.updateUserById(banned.user.id, { ban_duration: '24h' }))
  await ok(admin(server).auth.admin.deleteUser(soft.user.id, true))
  for (const { token } of [leaver, banned, soft]) assert.equal(await guarded(token), 0)
  await ok(admin(server).auth.admin.updateUserById(banned.user.id, { ban_duration: 'none' }))
  assert.equal(await guarded(banned.token), 1)
})

test('the data API learns of a new table without being told', async () => {
  await server.sql('create table public.late_comers (id int primary key)')
  await until('the new table is known', async () =>
    (await admin(server).from('late_comers').select()).error === null ? true : undefined, 5_000)
})
