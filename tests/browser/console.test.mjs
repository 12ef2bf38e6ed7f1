// The console through a real browser: what an operator does on the first day.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, test } from 'node:test'
import { parse } from 'csv-parse/sync'
import { firstOperator } from '../harness/console.mjs'
import { Server } from '../harness/server.mjs'
import { launch, open } from './browser.mjs'

const PASSWORD = 'a sentence of an operator'
const EMAIL = 'ada@example.com'

/** @type {Server} */ let server
/** @type {Awaited<ReturnType<typeof open>>} */ let window
/** @type {import('playwright-core').Page} */ let page
let browser
before(async (t) => {
  server = await Server.start(t)
  browser = await launch(t)
  window = await open(browser, server)
  page = window.page
})
after(() => {
  assert.doesNotMatch(server.log, /panicked/)
})

const button = (name, within = page) => within.getByRole('button', { name, exact: true })
const field = (name, within = page) => within.getByLabel(name, { exact: true })
const toast = (text) => page.getByRole('status').filter({ hasText: text }).waitFor()

/** Reads CSV with NULL and the empty string apart. */
const readCsv = async (download) =>
  parse(await readFile(await download.path()), {
    columns: true,
    record_delimiter: '\r\n',
    cast: (value, context) => (value === '' && !context.quoting ? null : value),
  })

test('the first operator signs in with the one-time password and must choose another', async () => {
  const { email, password } = await firstOperator(server)
  await page.goto('/')
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  window.allWell('401 GET /dashboard/api/session')

  await field('Email').fill(email)
  await field('Password').fill('not the password')
  await button('Sign in').click()
  await page.getByRole('alert').filter({ hasText: 'Email or password is wrong' }).waitFor()
  window.allWell('401 POST /dashboard/api/login')

  await field('Password').fill(password)
  await button('Sign in').click()
  await page.getByRole('heading', { name: 'Choose your password' }).waitFor()
  await page.goto('/dashboard/sql')
  await page.getByRole('heading', { name: 'Choose your password' }).waitFor()
  await field('Current password').fill(password)
  await field('New password').fill('too short')
  await field('Repeat new password').fill('too short')
  await button('Save password').click()
  await page.getByRole('alert').filter({ hasText: 'At least 12 characters' }).waitFor()
  await field('New password').fill(PASSWORD)
  await field('Repeat new password').fill(PASSWORD)
  await button('Save password').click()
  await page.getByRole('heading', { name: 'SQL Editor' }).waitFor()
  window.allWell()

  const again = await fetch(`${server.url}/dashboard/api/login`, {
    method: 'POST', headers: { 'content-type': 'application/json', origin: server.url }, body: JSON.stringify({ email, password }),
  })
  assert.equal(again.status, 401, 'the one-time password works once')
})

/** Puts text into the SQL editor. */
async function write(text) {
  await field('SQL query').click()
  await page.keyboard.press('ControlOrMeta+a')
  // The editor deletes by itself; typing over several selected lines Chromium does, and styles what it puts there.
  await page.keyboard.press('Delete')
  await page.keyboard.insertText(text)
}

test('the guide runs in the SQL editor, and asks nothing', async () => {
  await page.goto('/dashboard/sql')
  const guide = await readFile(new URL('../guide/guide.sql', import.meta.url), 'utf8')
  await write(guide)
  await button('Run').click()
  await page.getByRole('region', { name: 'Results' }).getByText(/is done\.$/).waitFor()
  assert.equal(await server.value(`select tgname from pg_trigger where tgrelid = 'auth.users'::regclass and tgname = 'on_auth_user_created'`), 'on_auth_user_created')
  assert.equal(await server.value(`select relrowsecurity from pg_class where oid = 'public.profiles'::regclass`), 't')
  window.allWell()
})

test('a mistake is shown with its place', async () => {
  await page.goto('/dashboard/sql')
  await write('select 1;\nselekt 2;')
  await button('Run').click()
  const alert = page.getByRole('alert').filter({ hasText: 'syntax error' })
  await alert.waitFor()
  assert.match(await alert.innerText(), /Line 2.*42601/s)
  window.allWell('400 POST /dashboard/api/sql')
})

test('a user is created, opened, and their metadata edited', async () => {
  await page.goto('/dashboard/sql')
  await page.getByRole('link', { name: 'Users', exact: true }).click()
  await page.getByRole('heading', { name: 'No users yet' }).waitFor()
  await button('Create user').click()
  const dialog = page.getByRole('dialog', { name: 'Create user' })
  await field('Email', dialog).fill(EMAIL)
  await field('Password', dialog).fill('example-password')
  await dialog.getByText('Phone and metadata').click()
  await field('User metadata', dialog).fill('{"first_name": "Ada", "age": 27}')
  await button('Create user', dialog).click()
  await toast('User created')
  const drawer = page.getByRole('region', { name: 'User details' })
  await drawer.getByRole('heading', { name: EMAIL }).waitFor()
  const id = await server.value(`select id from auth.users where email = '${EMAIL}'`)
  assert.ok(page.url().includes(String(id)))
  assert.equal(await server.value(`select first_name from public.profiles where id = '${id}'`), 'Ada')

  await button('Close user').click()
  await page.getByRole('table', { name: 'Users' }).getByText(EMAIL).click()
  await drawer.getByRole('tab', { name: 'Metadata' }).click()
  const editor = field('User metadata', drawer)
  assert.equal(JSON.parse(await editor.inputValue()).first_name, 'Ada')
  await editor.fill('{"first_name": "Ada", ')
  await button('Save user metadata', drawer).isDisabled()
  await editor.fill('{"first_name": "Ada", "last_name": "Lovelace ☃", "age": 36}')
  await button('Save user metadata', drawer).click()
  await toast('User metadata saved')
  assert.deepEqual(
    (await server.rows(`select raw_user_meta_data ->> 'last_name', raw_user_meta_data -> 'age' from auth.users where id = '${id}'`))[0],
    ['Lovelace ☃', '36'])
  window.allWell()
})

test('the search finds by address and id', async () => {
  await server.request('POST', '/auth/v1/admin/users', { key: server.keys.SECRET_KEY, body: { email: 'grace@example.com', user_metadata: { text: 'a "quoted",\nlong ☃ one' } } })
  const id = await server.value(`select id from auth.users where email = 'grace@example.com'`)
  await page.goto('/dashboard/users')
  const rows = page.getByRole('table', { name: 'Users' }).locator('tbody tr')
  for (const text of ['GRACE', String(id).slice(0, 13)]) {
    await page.getByRole('searchbox').first().fill(text)
    await page.waitForURL((url) => url.searchParams.get('search') === text)
    await page.getByRole('table', { name: 'Users' }).getByText('grace@example.com').waitFor()
    assert.equal(await rows.count(), 1)
  }
  window.allWell()
})

test('deleting a user who owns files is refused with their number and buckets, and nothing is deleted', async () => {
  const key = server.keys.SECRET_KEY
  await server.request('POST', '/storage/v1/bucket', { key, body: { name: 'avatars' } })
  await server.sql(`create policy "own files" on storage.objects for all to authenticated using (owner_id = (select auth.uid())::text)`)
  const signedIn = await server.request('POST', '/auth/v1/token?grant_type=password', { body: { email: EMAIL, password: 'example-password' } })
  for (const name of ['1.txt', '2.txt']) {
    const uploaded = await server.request('POST', `/storage/v1/object/avatars/${name}`, { token: signedIn.json.access_token, body: name, headers: { 'content-type': 'text/plain' } })
    assert.equal(uploaded.status, 200, uploaded.text)
  }
  const { id } = signedIn.json.user
  await page.goto(`/dashboard/users/${id}`)
  const drawer = page.getByRole('region', { name: 'User details' })
  await drawer.getByText('avatars (2)').waitFor()
  await button('Delete user', drawer).click()
  const dialog = page.getByRole('dialog', { name: 'Delete user' })
  await dialog.getByLabel(`Type ${EMAIL} to confirm`).fill(EMAIL)
  await button('Delete user', dialog).click()
  const alert = dialog.getByRole('alert').filter({ hasText: 'not deleted' })
  await alert.waitFor()
  assert.match(await alert.innerText(), /owns 2 storage objects/)
  assert.match(await alert.innerText(), /avatars/)
  assert.match(await alert.innerText(), new RegExp(`vestibule storage reassign --from ${id}`))
  assert.deepEqual(await server.rows(`select (select count(*) from auth.users where id = '${id}'), (select count(*) from storage.objects where owner_id = '${id}')`), [['1', '2']])
  window.allWell('409 DELETE /dashboard/api/users/<id>')

  const removed = await server.request('DELETE', '/storage/v1/object/avatars', { key, body: { prefixes: ['1.txt', '2.txt'] } })
  assert.equal(removed.status, 200, removed.text)
  await button('Delete user', dialog).click()
  await toast('User deleted')
  assert.equal(await server.value(`select count(*) from auth.users where id = '${id}'`), '0')
  assert.equal(await server.value(`select count(*) from public.profiles where id = '${id}'`), '0')
  window.allWell()
})

test('a select shows its rows, and its CSV is what the database holds', async () => {
  await server.sql(`insert into auth.users (instance_id, id, aud, role, email, raw_user_meta_data, created_at)
    select '00000000-0000-0000-0000-000000000000', gen_random_uuid(), 'authenticated', 'authenticated', 'user' || n || '@example.com',
      jsonb_build_object('note', E'line\\r\\n"two", ☃', 'n', n), now() from generate_series(1, 1500) n`)
  await page.goto('/dashboard/users')
  await page.getByRole('link', { name: 'SQL Editor' }).click()
  await write('select id, email, phone, email_change, raw_user_meta_data from auth.users order by email')
  await page.keyboard.press('ControlOrMeta+Enter')
  await page.getByRole('grid', { name: 'Result rows' }).getByText('grace@example.com').waitFor()
  await page.getByText(/first 1.?000 rows are shown/).waitFor()
  const waiting = page.waitForEvent('download')
  await page.getByRole('region', { name: 'Results' }).getByRole('button', { name: 'Export CSV' }).click()
  const rows = await readCsv(await waiting)
  const expected = await server.rows(`select json_build_object('id', id::text, 'email', email, 'phone', phone, 'email_change', email_change,
    'raw_user_meta_data', raw_user_meta_data::text) from auth.users order by email`)
  assert.deepEqual(rows, expected.map(([row]) => JSON.parse(String(row))))
  window.allWell()
})

test('the Users page exports every user, without secrets', async () => {
  await page.goto('/dashboard/users')
  const waiting = page.waitForEvent('download')
  await page.getByRole('link', { name: 'Export CSV' }).click()
  const rows = await readCsv(await waiting)
  const columns = Object.keys(rows[0])
  assert.ok(columns.includes('id') && columns.includes('email') && !columns.includes('encrypted_password'))
  const pairs = columns.map((name) => `'${name}', case when "${name}" is not null then format('%s', "${name}") end`).join(', ')
  const expected = await server.rows(`select json_build_object(${pairs}) from auth.users order by id`)
  const byId = (a, b) => (a.id < b.id ? -1 : 1)
  assert.deepEqual(rows.sort(byId), expected.map(([row]) => JSON.parse(String(row))).sort(byId))
  window.allWell()
})

test('the Table Editor shows auth read-only and masks secrets', async () => {
  await page.goto('/dashboard/tables/auth/users')
  const grid = page.getByRole('grid').first()
  await grid.getByText('@example.com').first().waitFor()
  await page.getByText('is kept by Vestibule').waitFor()
  const hash = await server.value(`select encrypted_password from auth.users where encrypted_password <> '' limit 1`)
  assert.ok(hash)
  assert.ok(!(await page.content()).includes(String(hash)))
  assert.equal(await page.getByRole('button', { name: /Insert/ }).count(), 0)
  window.allWell()
})

test('a table without row level security is pointed out, and mended from the security advice', async () => {
  await server.sql('create table public."order" (id bigint primary key, user_id uuid); grant select on public."order" to anon')
  await page.goto('/dashboard/tables')
  const way = page.getByRole('link', { name: 'Security advice' })
  await page.getByRole('link', { name: '1 table is open to everyone' }).click()
  await page.getByRole('heading', { level: 1, name: 'Security advice' }).waitFor()
  assert.equal(new URL(page.url()).pathname, '/dashboard/advisors/security')
  const item = page.getByRole('list', { name: 'Security advice' }).getByRole('listitem').filter({ hasText: 'public.order' })
  assert.match(await item.innerText(), /public\.order\s+Open to everyone/)
  assert.equal(await item.getByRole('link', { name: 'public.order', exact: true }).getAttribute('href'), '/dashboard/tables/public/order')

  await window.context.grantPermissions(['clipboard-read', 'clipboard-write'])
  const copy = item.getByRole('button', { name: 'Copy SQL for public.order' })
  await copy.focus()
  await page.keyboard.press('Enter')
  await item.getByRole('button', { name: 'Copied' }).waitFor()
  const mend = 'alter table "public"."order" enable row level security;'
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), mend)

  /** Opens the first remedy in the SQL editor, runs it, and comes back. */
  const run = async (sql) => {
    await item.getByRole('link', { name: 'Open in the SQL Editor: public.order' }).first().click()
    await field('SQL query').filter({ hasText: sql }).waitFor()
    await button('Run').click()
    await page.getByRole('region', { name: 'Results' }).getByText(/is done\.$/).waitFor()
    await page.goBack()
  }
  await run(mend)
  await item.getByText('No policy', { exact: true }).waitFor()
  assert.equal(await way.getByText('open to everyone').count(), 0)
  assert.equal(await server.value(`select relrowsecurity from pg_class where oid = 'public.order'::regclass`), 't')

  await run('create policy')
  await item.waitFor({ state: 'detached' })
  await page.getByRole('heading', { name: 'public.profiles' }).waitFor()
  await server.sql('create policy "own profile" on public.profiles for select to authenticated using ((select auth.uid()) = id)')
  await button('Look again').click()
  await page.getByRole('heading', { name: 'Nothing to mend' }).waitFor()
  assert.equal(await server.value(`select count(*) from pg_policy where polrelid = 'public.order'::regclass`), '1')
  window.allWell()
})

test('light, dark and 390 pixels: every page comes up without a complaint and without sideways scrolling', async () => {
  const state = await window.context.storageState()
  for (const options of [{ colorScheme: 'light' }, { colorScheme: 'dark' }, { colorScheme: 'dark', viewport: { width: 390, height: 844 } }]) {
    const other = await open(browser, server, { ...options, storageState: state })
    const seen = new Set()
    for (const [path, heading] of [['users', 'Users'], ['sql', 'SQL Editor'], ['tables/public/profiles', 'public.profiles'], ['advisors/security', 'Security advice']]) {
      await other.page.goto(`/dashboard/${path}`)
      await other.page.getByRole('heading', { level: 1, name: heading }).waitFor()
      const { wide, background } = await other.page.evaluate(() => ({
        wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
        background: getComputedStyle(document.body).backgroundColor,
      }))
      assert.ok(wide <= 0, `${path} is ${wide} pixels too wide in ${JSON.stringify(options)}`)
      seen.add(background)
    }
    assert.equal(seen.size, 1)
    const [red] = /\d+/.exec([...seen][0]) ?? ['0']
    assert.equal(Number(red) < 128, options.colorScheme === 'dark', `${[...seen][0]} in ${options.colorScheme}`)
    other.allWell()
    await other.context.close()
  }
})

test('signing out ends the session on the server', async () => {
  await page.goto('/dashboard/users')
  const cookies = await window.context.cookies()
  const session = cookies.find(({ httpOnly }) => httpOnly)
  assert.ok(session, 'the session is a cookie that scripts cannot read')
  assert.equal(session.sameSite, 'Strict')
  await page.getByRole('button', { name: /^Operator / }).click()
  await page.getByRole('menuitem', { name: 'Sign out' }).click()
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  const answer = await fetch(`${server.url}/dashboard/api/users`, { headers: { cookie: `${session.name}=${session.value}` } })
  assert.equal(answer.status, 401)
})
