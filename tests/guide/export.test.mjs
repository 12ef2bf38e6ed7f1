// Points 11 and 12: every user and identity as CSV, complete, intact and streamed.
//
// Two readers that know nothing of our writer check it: the csv-parse library, row by row against what psql
// prints as JSON, and PostgreSQL's own COPY, which also tells NULL from the empty string.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { PassThrough, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { before, test } from 'node:test'
import { parse } from 'csv-parse'
import { Operator } from '../harness/console.mjs'
import { Server, binary, memoryOf, psql, temporaryFolder } from '../harness/server.mjs'

const USERS = 200_000
/** How much the server's memory may grow by an export, in KiB; the result itself is several times that. */
const MAY_GROW_KIB = 12 * 1024
/** How much the command may take in all: about what it needs for a single row. */
const MAY_TAKE_KIB = 32 * 1024

// Values that break careless writers and readers; repeated over all rows, so that each meets each column.
const NASTY = String.raw`array['', null, 'plain', 'a,b', 'say "hi"', '"', '""', E'two\nlines', E'dos\r\nlines', E'\r', E'\n',
  ' leading and trailing ', 'NULL', '\N', '\.', E'tab\there', 'naïve ☃ 日本語 𝕏 🦀', E'\u200b\ufeff', ';', '''', '=1+1', '0x00', 'e''"\,']`

const FILL = `
  set session_replication_role = replica; -- nothing to check: the rows are right, and there are many
  with nasty(v) as (select ${NASTY})
  insert into auth.users (instance_id, id, aud, role, email, encrypted_password, email_confirmed_at, email_change, phone_change,
    raw_app_meta_data, raw_user_meta_data, created_at, updated_at, banned_until)
  select '00000000-0000-0000-0000-000000000000', md5('user ' || n)::uuid, 'authenticated', 'authenticated',
    'user' || n || '@example.com', '$2a$10$' || md5(n::text), timestamptz '2024-02-29 23:59:59.123456+00' + n * interval '1 second',
    coalesce(v[1 + n % array_length(v, 1)], ''), v[1 + n / 7 % array_length(v, 1)],
    jsonb_build_object('provider', 'email', 'n', n),
    jsonb_build_object('text', v[1 + n / 3 % array_length(v, 1)], 'list', jsonb_build_array(n, n / 7.0, null, true), 'key "with" , all', v[1 + n / 11 % array_length(v, 1)]),
    timestamptz '2020-01-01' + n * interval '1 minute', now(), case when n % 5 = 0 then 'infinity'::timestamptz end
  from generate_series(1, ${USERS}) n, nasty;
  insert into auth.identities (id, provider_id, user_id, identity_data, provider, created_at, updated_at)
  select id, id::text, id, jsonb_build_object('sub', id, 'email', email, 'note', raw_user_meta_data ->> 'text'), 'email', created_at,
    case when email_change = '' then null else updated_at end
  from auth.users;
  set session_replication_role = origin;
  analyze auth.users, auth.identities;`

/** @type {Server} */ let server
/** @type {string} */ let folder
before(async (t) => {
  server = await Server.start(t)
  folder = await temporaryFolder(t)
  await server.sql(FILL)
  assert.equal(await server.value('select count(*) from auth.users'), String(USERS))
})

const digest = (values) => createHash('sha1').update(JSON.stringify(values)).digest('base64')

/** A JSON array of the values of `columns` in PostgreSQL's output form; NULL is the empty text. */
const asJson = (columns) => `json_build_array(${columns.map((column) => `format('%s', "${column}")`).join(', ')})::text`

/** What the database holds, by id: a digest of the values of `columns`. */
async function digestsByKey(table, columns, key) {
  const query = `select ${asJson(columns)} from ${table}`
  const child = spawn('psql', ['-X', '-At', '-v', 'FETCH_COUNT=1000', '-d', server.keys.DB_URL, '-c', query], { stdio: ['ignore', 'pipe', 'inherit'] })
  const found = new Map()
  const index = columns.indexOf(key)
  for await (const line of createInterface({ input: child.stdout })) {
    const values = JSON.parse(line)
    found.set(values[index], digest(values))
  }
  return found
}

/** One user as the database has it, to show what differs. */
async function rowOf(columns, id) {
  return JSON.parse(String(await server.value(`select ${asJson(columns)} from auth.users where id = '${id}'`)))
}

/** Runs a command of the program; gives its output as a stream, and the most memory it took. */
function streaming(args) {
  const child = spawn(binary, [...args, '--home', server.home], { stdio: ['ignore', 'pipe', 'pipe'], cwd: folder })
  let peak = 0
  let complaints = ''
  child.stderr.on('data', (chunk) => (complaints += chunk))
  const output = new PassThrough()
  const closed = new Promise((done) => child.once('close', done))
  const copied = (async () => {
    let next = 0
    let bytes = 0
    for await (const chunk of child.stdout) {
      bytes += chunk.length
      if (bytes >= next) {
        peak = Math.max(peak, (await memoryOf(child.pid, 'VmHWM').catch(() => 0)) || 0)
        next = bytes + 1_000_000
      }
      if (!output.write(chunk)) await new Promise((drained) => output.once('drain', drained))
    }
    output.end()
    assert.equal(await closed, 0, complaints)
    return peak
  })()
  return { output, peak: copied }
}

/** Loads a CSV file with COPY and counts its rows, and the rows that only one side has; columns are those it names. */
async function differenceByCopy(file, table) {
  const columns = (await firstLine(file)).split(',').map((name) => `"${name}"`).join(', ')
  const text = `
    create temp table loaded as select ${columns} from ${table} with no data;
    \\copy loaded from '${file}' with (format csv, header match)
    select (select count(*) from loaded),
      (select count(*) from (select l::text from loaded l except all select t::text from (select ${columns} from ${table}) t) a),
      (select count(*) from (select t::text from (select ${columns} from ${table}) t except all select l::text from loaded l) b);`
  const done = await psql(server.keys.DB_URL, ['-v', 'ON_ERROR_STOP=1', '-qAt', '-f', '-'], text)
  assert.equal(done.code, 0, done.stderr)
  return done.stdout.trim()
}

async function firstLine(file) {
  for await (const line of createInterface({ input: createReadStream(file) })) return line
  return ''
}

test('11: `vestibule users export` read back with csv-parse is what the database holds', async () => {
  const file = join(folder, 'export.csv')
  const { output, peak } = streaming(['users', 'export', '--format', 'csv', '--with-secrets'])
  const kept = pipeline(output, createWriteStream(file))
  let columns
  let expected
  let rows = 0
  for await (const row of output.pipe(parse({ record_delimiter: '\r\n' }))) {
    if (columns === undefined) {
      columns = row
      const all = (await server.rows(`select attname from pg_attribute where attrelid = 'auth.users'::regclass and attnum > 0 and not attisdropped order by attnum`)).map(([name]) => name)
      assert.deepEqual(columns, all)
      expected = await digestsByKey('auth.users', columns, 'id')
      continue
    }
    rows++
    const id = row[columns.indexOf('id')]
    if (digest(row) !== expected.get(id)) assert.deepEqual(row, await rowOf(columns, id))
    expected.delete(id)
  }
  assert.equal(rows, USERS)
  assert.equal(expected.size, 0)
  await kept
  assert.equal(await differenceByCopy(file, 'auth.users'), `${USERS}|0|0`)
  const taken = await peak
  assert.ok(taken > 0 && taken < MAY_TAKE_KIB, `the command took ${taken} KiB`)
})

test('11: `vestibule users export` leaves hashes of passwords and tokens out unless asked', async () => {
  const done = await server.command(['users', 'export', '--format', 'json'], {})
  assert.equal(done.code, 0, done.stderr)
  const users = JSON.parse(done.stdout)
  assert.equal(users.length, USERS)
  assert.ok(users[0].id && users[0].email)
  assert.deepEqual(Object.keys(users[0]).filter((name) => /password|token|is_super_admin/.test(name)), [])
})

test('11: `vestibule sql "select * from auth.users" --format csv` is complete for COPY', async () => {
  const file = join(folder, 'users.csv')
  const { output, peak } = streaming(['sql', 'select * from auth.users', '--format', 'csv'])
  await Promise.all([pipeline(output, createWriteStream(file)), peak])
  assert.equal(await differenceByCopy(file, 'auth.users'), `${USERS}|0|0`)
})

test('12: auth.identities is queried and exported the same way', async () => {
  const file = join(folder, 'identities.csv')
  const { output, peak } = streaming(['sql', 'select * from auth.identities', '--format', 'csv'])
  await Promise.all([pipeline(output, createWriteStream(file)), peak])
  assert.equal(await differenceByCopy(file, 'auth.identities'), `${USERS}|0|0`)
  const query = await server.command(['sql', `select provider, count(*) from auth.identities group by 1`, '--format', 'csv'])
  assert.equal(query.stdout, `provider,count\r\nemail,${USERS}\r\n`)
})

test('11, 12: the console exports every row while the server stays small', async () => {
  const operator = await Operator.first(server)
  const download = async (path, file, body) => {
    const answer = await operator.call(body ? 'POST' : 'GET', path, body && { ...body, csrf_token: operator.csrf }, { stream: true, form: true })
    assert.equal(answer.status, 200)
    assert.match(answer.headers.get('content-type') ?? '', /^text\/csv/)
    assert.match(answer.headers.get('content-disposition') ?? '', /^attachment/)
    await pipeline(Readable.fromWeb(/** @type {any} */ (answer.body)), createWriteStream(file))
  }
  const small = join(folder, 'small.csv')
  await download('/sql/export.csv', small, { query: 'select * from auth.users limit 500' })
  await server.forgetPeak()
  const before = await server.memory('VmHWM')

  const users = join(folder, 'console-users.csv')
  await download('/sql/export.csv', users, { query: 'select * from auth.users' })
  assert.equal(await differenceByCopy(users, 'auth.users'), `${USERS}|0|0`)
  const identities = join(folder, 'console-identities.csv')
  await download('/sql/export.csv', identities, { query: 'select * from auth.identities' })
  assert.equal(await differenceByCopy(identities, 'auth.identities'), `${USERS}|0|0`)
  const page = join(folder, 'users-page.csv')
  await download('/users/export.csv', page)
  const growth = (await server.memory('VmHWM')) - before
  assert.ok((await stat(users)).size > 3 * MAY_GROW_KIB * 1024, 'the export is big enough to tell')
  assert.ok(growth < MAY_GROW_KIB, `the server grew by ${growth} KiB`)

  const columns = (await firstLine(page)).split(',')
  assert.deepEqual(columns.filter((name) => /password|token/.test(name)), [])
  for (const name of ['id', 'email', 'phone', 'created_at', 'raw_user_meta_data']) assert.ok(columns.includes(name), name)
  assert.equal(await differenceByCopy(page, 'auth.users'), `${USERS}|0|0`)
})
