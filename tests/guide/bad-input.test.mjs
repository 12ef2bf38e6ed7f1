// Whatever is sent, the answer is a documented error: never a 5xx, never a panic, and nothing changes.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Server } from '../harness/server.mjs'
import { admin, claimsOf, forge, newcomer, ok, prepare } from './client.mjs'

/** @type {Server} */ let server
let john
before(async (t) => {
  server = await Server.start(t)
  await prepare(server)
  john = await newcomer(server, { data: { first_name: 'John' } })
  await ok(john.client.from('notes').insert([{ body: 'one', public: false }, { body: 'two', public: true }]))
  await ok(admin(server).storage.createBucket('files', { public: false }))
  await server.sql(`create policy "own files" on storage.objects for all to authenticated
    using (owner_id = (select auth.uid())::text) with check (bucket_id = 'files')`)
  await ok(john.client.storage.from('files').upload('kept.txt', 'kept'))
})

after(() => {
  assert.doesNotMatch(server.log, /panicked/)
  assert.doesNotMatch(server.log, /status=5\d\d/)
  assert.equal(server.child.exitCode, null, 'the server still runs')
})

/** Everything that a request could have changed. */
const state = () => server.rows(`
  select 'tables', count(*)::text from pg_class
  union all select 'roles', count(*)::text from pg_roles
  union all select 'users', md5(string_agg(u::text, '' order by id)) from auth.users u
  union all select 'identities', md5(string_agg(i::text, '' order by id)) from auth.identities i
  union all select 'sessions', count(*)::text from auth.sessions
  union all select 'profiles', md5(string_agg(p::text, '' order by id)) from public.profiles p
  union all select 'notes', md5(string_agg(n::text, '' order by id)) from public.notes n
  union all select 'objects', md5(string_agg(o.name || o.owner_id, '' order by id)) from storage.objects o
  union all select 'buckets', md5(string_agg(b::text, '' order by id)) from storage.buckets b`)

/** Runs `work` and checks that nothing has changed. */
async function changingNothing(work) {
  const before = await state()
  await work()
  assert.deepEqual(await state(), before)
}

/** An answer of the data API that refuses, in its form. */
function refusedByRest(answer, status, code) {
  assert.equal(answer.status, status, answer.text)
  assert.equal(answer.json?.code, code, answer.text)
  assert.deepEqual(Object.keys(answer.json).sort(), ['code', 'details', 'hint', 'message'])
}

/** An answer of the accounts service that refuses, in its form. */
function refusedByAuth(answer, status, code) {
  assert.equal(answer.status, status, answer.text)
  assert.deepEqual([answer.json?.code, answer.json?.error_code], [status, code], answer.text)
  assert.equal(typeof answer.json.msg, 'string')
}

const INVALID_UTF8 = Buffer.from([0x7b, 0x22, 0x62, 0x6f, 0x64, 0x79, 0x22, 0x3a, 0x22, 0xff, 0xfe, 0x22, 0x7d]) // {"body":"\xff\xfe"}

test('accounts: bodies that are not JSON, or not of the right types', () => changingNothing(async () => {
  const bodies = ['{', '', 'null and void', '[1, 2', '{"email": "a@example.com", "password": 5}', '{"email": ["a@example.com"]}',
    '{"email": {"$ne": null}, "password": "example-password"}', '{"data": 7, "email": "a@example.com", "password": "example-password"}']
  for (const body of bodies) {
    for (const path of ['/auth/v1/signup', '/auth/v1/token?grant_type=password']) {
      const answer = await server.request('POST', path, { body })
      // `data` means nothing to a sign-in, which then fails for want of such a user
      if (path.includes('token') && body.includes('"data"')) refusedByAuth(answer, 400, 'invalid_credentials')
      else refusedByAuth(answer, 400, 'bad_json')
    }
  }
  refusedByAuth(await server.request('PUT', '/auth/v1/user', { token: john.token, body: '{"data": [' }), 400, 'bad_json')
  const key = server.keys.SECRET_KEY
  refusedByAuth(await server.request('POST', '/auth/v1/admin/users', { key, body: '{"email": 5}' }), 400, 'bad_json')
}))

test('accounts: values that are not possible', () => changingNothing(async () => {
  const password = 'example-password'
  for (const email of ['not an address', 'a@', '@b', 'a b@example.com', `${'a'.repeat(260)}@example.com`, "'; drop table auth.users; --",
    'John <john@example.com>', 'a@example.com\u0000', 'a@exa\nmple.com']) {
    refusedByAuth(await server.request('POST', '/auth/v1/signup', { body: { email, password } }), 400, 'validation_failed')
  }
  refusedByAuth(await server.request('POST', '/auth/v1/signup', { body: { email: 'a@example.com' } }), 400, 'validation_failed')
  refusedByAuth(await server.request('POST', '/auth/v1/signup', { body: { email: 'a@example.com', password: 'x'.repeat(73) } }), 400, 'validation_failed')
  refusedByAuth(await server.request('POST', '/auth/v1/token?grant_type=refresh_token', { body: { refresh_token: "' or 1=1 --" } }), 400, 'validation_failed')
  refusedByAuth(await server.request('POST', '/auth/v1/token?grant_type=refresh_token', { body: { refresh_token: 'abcdefghijkl' } }), 400, 'refresh_token_not_found')
  const unknownGrant = await server.request('POST', '/auth/v1/token?grant_type=magic', { body: {} })
  assert.equal(unknownGrant.status, 400, unknownGrant.text)
  const key = server.keys.SECRET_KEY
  for (const id of ['1', "'", '%00', '..%2fusers', '00000000-0000-0000-0000-00000000000g']) {
    const answer = await server.request('GET', `/auth/v1/admin/users/${id}`, { key })
    assert.ok(answer.status === 404 || answer.status === 400, `${id}: ${answer.status} ${answer.text}`)
  }
  for (const query of ['page=-1', 'page=x', 'per_page=99999999999999999999', "filter='%22%3B--", 'filter=%25%5C', 'sort=created_at%3Bdrop', 'page=0&per_page=0']) {
    const answer = await server.request('GET', `/auth/v1/admin/users?${query}`, { key })
    assert.ok(answer.status < 500, `${query}: ${answer.status} ${answer.text}`)
  }
  for (const data of [{ a: 'nul \u0000 here' }, { ['\u0000']: 1 }]) {
    const answer = await server.request('POST', '/auth/v1/signup', { body: { email: 'nul@example.com', password, data } })
    assert.ok(answer.status >= 400 && answer.status < 500, `${answer.status} ${answer.text}`)
  }
}))

test('accounts: too long, and not UTF-8', () => changingNothing(async () => {
  const body = JSON.stringify({ email: 'long@example.com', password: 'example-password', data: { text: 'x'.repeat(2 << 20) } })
  refusedByAuth(await server.request('POST', '/auth/v1/signup', { body }), 413, 'request_entity_too_large')
  refusedByAuth(await server.request('PUT', '/auth/v1/user', { token: john.token, body }), 413, 'request_entity_too_large')
  refusedByAuth(await server.request('POST', '/auth/v1/signup', { body: INVALID_UTF8 }), 400, 'bad_json')
}))

test('data API: bodies that are not JSON, of wrong types, with unknown columns', () => changingNothing(async () => {
  const insert = (body, path = 'notes') => server.request('POST', `/rest/v1/${path}`, { token: john.token, body })
  for (const body of ['{', '', '[{"body": "a"}, {"other": 1}]', '{"body": "a"} x', INVALID_UTF8]) {
    refusedByRest(await insert(body), 400, 'PGRST102')
  }
  refusedByRest(await insert({ body: 'a', public: 'perhaps' }), 400, '22P02')
  refusedByRest(await insert({ body: 'a', author: 'not a uuid' }), 400, '22P02')
  refusedByRest(await insert({ body: 'a', nonsense: 1 }), 400, 'PGRST204')
  refusedByRest(await insert({ body: 'a' }, 'notes?columns=body,nonsense'), 400, 'PGRST204')
  refusedByRest(await insert({ body: null }), 400, '23502')
  refusedByRest(await insert({ body: 'nul \u0000' }), 400, '22P05')
  refusedByRest(await insert({ body: 'a' }, 'nothing_here'), 404, 'PGRST205')
  refusedByRest(await insert({}, 'rpc/nothing_here'), 404, 'PGRST202')
  refusedByRest(await insert({ wrong: 1 }, 'rpc/note_bodies'), 404, 'PGRST202')
  const get = (query) => server.request('GET', `/rest/v1/${query}`, { token: john.token })
  refusedByRest(await get('notes?select=nonsense'), 400, '42703')
  refusedByRest(await get('notes?nonsense=eq.1'), 400, '42703')
  refusedByRest(await get('notes?order=nonsense'), 400, '42703')
  refusedByRest(await get('notes?id=eq.one'), 400, '22P02')
  refusedByRest(await get('notes?id=like.one'), 404, '42883')
  refusedByRest(await get('notes?id=nonsense.1'), 400, 'PGRST100')
  refusedByRest(await get('notes?id=1'), 400, 'PGRST100')
  refusedByRest(await get('notes?select=*,nothing_here(*)'), 400, 'PGRST200')
  refusedByRest(await get('notes?limit=-1'), 416, 'PGRST103')
  refusedByRest(await get('notes/1'), 404, 'PGRST125')
  refusedByRest(await server.request('GET', '/rest/v1/notes', { headers: { accept: 'image/png' } }), 406, 'PGRST107')
  const patch = await server.request('PATCH', '/rest/v1/notes?id=eq.1', { token: john.token, body: { nonsense: 1 } })
  refusedByRest(patch, 400, 'PGRST204')
}))

test('data API: a body of 2 MB is either stored or refused for its length', async () => {
  const body = 'x'.repeat(2 << 20)
  const answer = await server.request('POST', '/rest/v1/notes', { token: john.token, body: { body }, headers: { prefer: 'return=representation' } })
  if (answer.status === 413) return
  assert.equal(answer.status, 201, answer.text.slice(0, 300))
  assert.equal(answer.json[0].body, body)
  await ok(john.client.from('notes').delete().eq('id', answer.json[0].id))
})

// What would end a literal, an identifier, a statement or a parser that was written carelessly.
const PAYLOADS = ["'", '"', ';', '--', '/*', '*/', '\\', '\\\'', '$$', '$1', '%', '%%', ')', '(', '((', ',', '.', ':', '::', '!', '->', '->>', '{', '}', '[',
  '', ' ', '""', '\u0000', '\n', '\r\n', '\u200b', '☃', "' or 1=1 --", "'; drop table public.notes; --", '"; drop table public.notes; --', "id) or (1=1",
  "1; select pg_sleep(10)", "*'||(select version())||'", 'body" from auth.users --', 'eq.', 'not.', 'and(', 'or=(', 'x'.repeat(5000)]

// Every place of a request to the data API where a client's text goes.
const POSITIONS = {
  column: (p) => ({ path: `notes?${p}=eq.1` }),
  'column with another filter': (p) => ({ path: `notes?id=eq.1&${p}=eq.1` }),
  operator: (p) => ({ path: `notes?id=${p}.1` }),
  value: (p) => ({ path: `notes?body=eq.${p}` }),
  'integer value': (p) => ({ path: `notes?id=eq.${p}` }),
  'uuid value': (p) => ({ path: `notes?author=eq.${p}` }),
  'like pattern': (p) => ({ path: `notes?body=like.${p}` }),
  'regular expression': (p) => ({ path: `notes?body=match.${p}` }),
  'in list': (p) => ({ path: `notes?body=in.(a,${p})` }),
  'quoted in list': (p) => ({ path: `notes?body=in.(%22${p}%22)` }),
  'any list': (p) => ({ path: `notes?body=eq(any).{${p}}` }),
  modifier: (p) => ({ path: `notes?body=eq(${p}).a` }),
  is: (p) => ({ path: `notes?public=is.${p}` }),
  'full text': (p) => ({ path: `notes?body=fts.${p}` }),
  'full text language': (p) => ({ path: `notes?body=fts(${p}).a` }),
  'json path': (p) => ({ path: `notes?body->>${p}=eq.a` }),
  'or tree': (p) => ({ path: `notes?or=(id.eq.1,body.eq.${p})` }),
  'whole or tree': (p) => ({ path: `notes?or=${p}` }),
  'and tree column': (p) => ({ path: `notes?and=(${p}.eq.1)` }),
  select: (p) => ({ path: `notes?select=${p}` }),
  alias: (p) => ({ path: `notes?select=${p}:body` }),
  cast: (p) => ({ path: `notes?select=body::${p}` }),
  'select json path': (p) => ({ path: `notes?select=body->${p}` }),
  embed: (p) => ({ path: `notes?select=id,${p}(*)` }),
  'embed hint': (p) => ({ path: `notes?select=id,profiles!${p}(*)` }),
  order: (p) => ({ path: `notes?order=${p}` }),
  direction: (p) => ({ path: `notes?order=id.${p}` }),
  limit: (p) => ({ path: `notes?limit=${p}` }),
  offset: (p) => ({ path: `notes?offset=${p}` }),
  table: (p) => ({ path: p }),
  function: (p) => ({ path: `rpc/${p}` }),
  argument: (p) => ({ path: `rpc/note_bodies?containing=${p}` }),
  'argument name': (p) => ({ path: `rpc/note_bodies?${p}=a` }),
  'delete by column': (p) => ({ method: 'DELETE', path: `notes?${p}=eq.-1` }),
  'delete by value': (p) => ({ method: 'DELETE', path: `notes?body=eq.${p}` }),
  'update by value': (p) => ({ method: 'PATCH', path: `notes?body=eq.${p}`, body: { public: true } }),
  'insert into column': (p) => ({ method: 'POST', path: 'notes', body: { [decodeURIComponent(p)]: 'a' } }),
  'insert columns': (p) => ({ method: 'POST', path: `notes?columns=${p}`, body: [] }),
  'conflict target': (p) => ({ method: 'POST', path: `notes?on_conflict=${p}`, body: [], headers: { prefer: 'resolution=merge-duplicates' } }),
}

for (const [position, request] of Object.entries(POSITIONS)) {
  test(`data API: SQL metacharacters as ${position}`, () => changingNothing(async () => {
    for (const payload of PAYLOADS) {
      const { method = 'GET', path, body, headers } = request(encodeURIComponent(payload))
      // the secret key, so that no policy comes to the rescue
      const answer = await server.request(method, `/rest/v1/${path}`, { key: server.keys.SECRET_KEY, body, headers })
      const shown = `${position} ${JSON.stringify(payload.slice(0, 40))}: ${answer.status} ${answer.text.slice(0, 300)}`
      assert.ok(answer.status < 500, shown)
      if (answer.status >= 400) {
        assert.match(answer.json?.code ?? '', /^(PGRST\d{3}|[0-9A-Z]{5})$/, shown)
        assert.equal(typeof answer.json.message, 'string', shown)
        // to_tsquery calls what it does not understand a syntax error, as in PostgREST
        const isOwnError = position === 'full text'
        if (!isOwnError) assert.notEqual(answer.json.code, '42601', `SQL that the client's text broke: ${shown}`)
      }
    }
  }))
}

test('data API: SQL metacharacters in headers', () => changingNothing(async () => {
  for (const payload of PAYLOADS.filter((payload) => /^[\x20-\x7e]+$/.test(payload))) {
    for (const name of ['accept', 'accept-profile', 'content-profile', 'prefer', 'range', 'range-unit', 'x-request-id', 'x-client-info', 'x-forwarded-for', 'user-agent']) {
      const prefix = name === 'prefer' ? 'timezone=' : ''
      const answer = await server.request('GET', '/rest/v1/notes', { token: john.token, headers: { [name]: prefix + payload } })
      assert.ok(answer.status < 500, `${name}: ${payload}: ${answer.status} ${answer.text}`)
    }
  }
}))

test('text that is not UTF-8, in every service', () => changingNothing(async () => {
  for (const path of ['/rest/v1/notes?body=eq.%ff', '/rest/v1/notes?%ff=eq.1', '/rest/v1/%ff', '/rest/v1/notes?select=%c3%28', '/auth/v1/admin/users?filter=%ff',
    '/storage/v1/object/files/%ff.txt', '/storage/v1/bucket/%ff', '/auth/v1/%ff', '/%ff', '/rest/v1/notes?body=eq.%', '/rest/v1/notes?body=eq.%zz']) {
    const answer = await server.request('GET', path, { key: server.keys.SECRET_KEY })
    assert.ok(answer.status < 500, `${path}: ${answer.status} ${answer.text}`)
  }
}))

test('storage: names that leave the bucket, and bodies that are wrong', () => changingNothing(async () => {
  const names = ['../../keys.json', '%2e%2e/%2e%2e/keys.json', '..%2f..%2fkeys.json', 'a/../../b', './x', 'a//b', '%00', 'a%00b', '%5c..%5c', "'; drop table storage.objects; --",
    'x'.repeat(1100), '.', '..', '/', 'a\u202eb', 'con%0anewline']
  for (const name of names) {
    for (const method of ['POST', 'PUT', 'GET', 'DELETE']) {
      const answer = await server.request(method, `/storage/v1/object/files/${name}`, {
        token: john.token, body: method.startsWith('P') ? 'x' : undefined, headers: { 'content-type': 'text/plain' },
      })
      assert.ok(answer.status < 500, `${method} ${name}: ${answer.status} ${answer.text}`)
      assert.doesNotMatch(answer.text, /sb_secret_/)
      // names that are merely odd may be stored; then they go again
      if (method === 'POST' && answer.status === 200) await ok(john.client.storage.from('files').remove([answer.json.Key.replace(/^files\//, '')]))
    }
  }
  for (const body of ['{', '[]', '{"prefixes": "kept.txt"}', '{"prefixes": [5]}', '{"prefixes": []}', INVALID_UTF8]) {
    const answer = await server.request('DELETE', '/storage/v1/object/files', { token: john.token, body })
    assert.ok(answer.status >= 400 && answer.status < 500, `${body}: ${answer.status} ${answer.text}`)
  }
  for (const body of [{ prefix: 5 }, { limit: 'x' }, { limit: -1 }, { offset: -1 }, { sortBy: { column: 'id; drop', order: 'x' } }, { search: "%' or 1=1 --" }]) {
    const answer = await server.request('POST', '/storage/v1/object/list/files', { token: john.token, body: { prefix: '', ...body } })
    assert.ok(answer.status < 500, `${JSON.stringify(body)}: ${answer.status} ${answer.text}`)
  }
  for (const body of [{ name: '' }, { name: 5 }, { name: 'a/b' }, { name: 'x'.repeat(101) }, { name: 'ok', file_size_limit: 'big' }, { name: 'ok', allowed_mime_types: 'x' }]) {
    const answer = await server.request('POST', '/storage/v1/bucket', { key: server.keys.SECRET_KEY, body })
    assert.ok(answer.status >= 400 && answer.status < 500, `${JSON.stringify(body)}: ${answer.status} ${answer.text}`)
  }
}))

test('tokens that are expired, forged, of algorithm none, or no tokens', () => changingNothing(async () => {
  const claims = claimsOf(john.token)
  const now = Math.floor(Date.now() / 1000)
  const secret = server.keys.JWT_SECRET
  const [head, payload, signature] = john.token.split('.')
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const algorithm = JSON.parse(Buffer.from(head, 'base64url').toString()).alg
  assert.notEqual(algorithm, 'none')
  const wrong = {
    'of another secret': forge(claims, { secret: 'x'.repeat(40) }),
    'of algorithm none': forge(claims, { header: { alg: 'none', typ: 'JWT' } }),
    'of algorithm None': forge(claims, { header: { alg: 'None', typ: 'JWT' } }),
    'of algorithm none with the old signature': `${encode({ alg: 'none' })}.${payload}.${signature}`,
    'with other claims': `${head}.${encode({ ...claims, role: 'service_role' })}.${signature}`,
    'without a signature': `${head}.${payload}.`,
    'of HS256 keyed with the public key': forge(claims, { secret: JSON.stringify((await server.request('GET', '/auth/v1/.well-known/jwks.json')).json.keys[0] ?? {}) }),
    'of an unknown key': forge(claims, { secret: 'y'.repeat(40), header: { alg: 'ES256', kid: 'nobody', typ: 'JWT' } }),
    'that is no token': 'abc',
    'that is half a token': `${head}.${payload}`,
  }
  const expired = forge({ ...claims, iat: now - 7200, exp: now - 3600 }, { secret })
  const early = forge({ ...claims, nbf: now + 3600 }, { secret })

  for (const [kind, token] of Object.entries(wrong)) {
    const rest = await server.request('GET', '/rest/v1/notes', { token })
    assert.equal(rest.status, 401, `${kind}: ${rest.text}`)
    assert.equal(rest.json.code, 'PGRST301', `${kind}: ${rest.text}`)
    refusedByAuth(await server.request('GET', '/auth/v1/user', { token }), 403, 'bad_jwt')
    refusedByAuth(await server.request('GET', '/auth/v1/admin/users', { token }), 403, 'bad_jwt')
    const file = await server.request('GET', '/storage/v1/object/authenticated/files/kept.txt', { token })
    assert.deepEqual([file.status, file.json?.statusCode], [400, '403'], `${kind}: ${file.text}`)
  }
  for (const token of [expired, early]) {
    const rest = await server.request('GET', '/rest/v1/notes', { token })
    assert.deepEqual([rest.status, rest.json.code], [401, 'PGRST303'], rest.text)
    assert.match(rest.headers.get('www-authenticate') ?? '', /^Bearer/)
    refusedByAuth(await server.request('GET', '/auth/v1/user', { token }), 403, 'bad_jwt')
    const file = await server.request('GET', '/storage/v1/object/authenticated/files/kept.txt', { token })
    assert.deepEqual([file.status, file.json?.statusCode], [400, '403'], file.text)
  }
  const unknownRole = forge({ ...claims, role: 'postgres' }, { secret })
  const rest = await server.request('GET', '/rest/v1/notes', { token: unknownRole })
  assert.ok(rest.status === 401 || rest.status === 403, `${rest.status} ${rest.text}`)
  const strangeRole = forge({ ...claims, role: "anon'; drop table public.notes; --" }, { secret })
  const strange = await server.request('GET', '/rest/v1/notes', { token: strangeRole })
  assert.ok(strange.status === 401 || strange.status === 403 || strange.status === 400, `${strange.status} ${strange.text}`)

  const good = await server.request('GET', '/rest/v1/notes?select=body&order=id', { token: forge(claims, { secret }) })
  assert.deepEqual(good.json, [{ body: 'one' }, { body: 'two' }], 'the same claims, signed properly, are let in')
}))

test('keys that are wrong are refused before any service', () => changingNothing(async () => {
  for (const key of ['sb_secret_wrong', 'sb_publishable_wrong', 'abc', john.token, `${server.keys.SECRET_KEY}x`]) {
    for (const path of ['/rest/v1/notes', '/auth/v1/settings', '/storage/v1/bucket']) {
      const answer = await server.request('GET', path, { key })
      assert.equal(answer.status, 401, `${path} ${answer.text}`)
      assert.equal(answer.json.message, 'Invalid API key')
    }
  }
}))

test('paths and methods that do not exist', async () => {
  for (const [method, path, status] of /** @type {const} */ ([
    ['GET', '/nothing', 404], ['GET', '/auth/v1/nothing', 404], ['DELETE', '/auth/v1/signup', 405], ['GET', '/storage/v1/nothing', 404],
    ['GET', '/dashboard/api/nothing', 404], ['GET', '/../../etc/passwd', 404], ['PROPFIND', '/rest/v1/notes', 405],
  ])) {
    const answer = await server.request(method, path)
    assert.equal(answer.status, status, `${method} ${path}: ${answer.text}`)
  }
})
