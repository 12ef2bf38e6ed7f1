// A project folder: `supabase/config.toml`, `migrations/`, `seed.sql`, as the Supabase CLI has them.

import assert from 'node:assert/strict'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { Server, freePort, temporaryFolder } from '../harness/server.mjs'
import { admin, app, claimsOf, newcomer, ok, tableIsKnown, text } from './client.mjs'

const FIRST = '20240101120000_guide.sql'
const SECOND = '20240102120000_more.sql'

async function project(t, files) {
  const folder = await temporaryFolder(t)
  await mkdir(join(folder, 'supabase/migrations'), { recursive: true })
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, 'supabase', name), content)
  return folder
}

const recorded = (server) => server.rows('select version, name, statements is not null from supabase_migrations.schema_migrations order by version')

test('config, migrations and seed are honoured; migrations run once, the seed on a new database', async (t) => {
  const port = await freePort()
  const databasePort = await freePort()
  const folder = await project(t, {
    'config.toml': `
      project_id = "demo"
      [api]
      port = ${port}
      schemas = ["public", "shop"]
      max_rows = 3
      [db]
      port = ${databasePort}
      [auth]
      site_url = "https://app.example.com"
      jwt_expiry = 600
      minimum_password_length = 9
      [studio]
      port = 1`,
    [`migrations/${FIRST}`]: await text('guide.sql'),
    [`migrations/${SECOND}`]: `create schema shop;
      grant usage on schema shop to anon, authenticated, service_role;
      create table shop.goods (id int primary key, name text);
      grant select on shop.goods to anon;
      create function public.semicolons() returns text language sql as $$ select ';'; $$;`,
    'migrations/README.md': 'not a migration',
    'seed.sql': `insert into shop.goods select n, 'good; number ' || n from generate_series(1, 5) n;`,
  })
  const server = await Server.start(t, { cwd: folder, port, databasePort, args: [] })
  assert.equal(new URL(server.keys.DB_URL).port, String(databasePort))
  assert.deepEqual(await recorded(server), [['20240101120000', 'guide', 't'], ['20240102120000', 'more', 't']])

  await tableIsKnown(server, 'profiles')
  const { session } = await newcomer(server, { data: { first_name: 'John' } })
  assert.equal(session.expires_in, 600)
  assert.equal(await server.value('select first_name from public.profiles'), 'John')
  assert.equal((await app(server).auth.signUp({ email: 'short@example.com', password: '12345678' })).error?.code, 'weak_password')
  const goods = await ok(app(server).schema('shop').from('goods').select().order('id'))
  assert.deepEqual(goods.map(({ id }) => id), [1, 2, 3], 'max_rows')
  assert.equal((await app(server).schema('auth').from('users').select()).error?.code, 'PGRST106')

  await server.sql('delete from shop.goods where id > 2')
  await server.stop()
  await writeFile(join(folder, 'supabase/migrations/20240103120000_third.sql'), 'create table public.third (id int primary key)')
  await server.restart({ cwd: folder, databasePort })
  assert.deepEqual((await recorded(server)).map(([version]) => version), ['20240101120000', '20240102120000', '20240103120000'])
  assert.equal(await server.value('select count(*) from shop.goods'), '2', 'the seed ran once')
  await tableIsKnown(server, 'third')
  assert.equal(claimsOf((await newcomer(server)).token).role, 'authenticated')
})

test('a migration that fails names file, line and SQLSTATE and leaves the database as it was', async (t) => {
  const folder = await project(t, {
    [`migrations/${FIRST}`]: await text('guide.sql'),
    [`migrations/${SECOND}`]: `create table public.half (id int primary key);
insert into public.half values (1);

create table public.broken (
  id nonsense
);
create table public.never (id int);
`,
  })
  const home = join(folder, 'home')
  const databasePort = await freePort()
  const failed = await Server.attempt({ home, project: folder, databasePort })
  assert.notEqual(failed.code, 0)
  assert.match(failed.stderr, new RegExp(`${SECOND}.*line [45]\\b.*42704`, 's'))

  await rm(join(folder, 'supabase/migrations', SECOND))
  const server = await Server.start(t, { home, project: folder })
  assert.deepEqual((await recorded(server)).map(([version]) => version), ['20240101120000'])
  assert.deepEqual(await server.rows(`select to_regclass('public.half'), to_regclass('public.never'), to_regclass('public.profiles')`),
    [[null, null, 'profiles']])

  await server.stop()
  await writeFile(join(folder, 'supabase/migrations', SECOND), 'create table public.half (id int primary key);')
  await server.restart({ project: folder })
  assert.equal(await server.value(`select to_regclass('public.half')`), 'half')
  await ok(admin(server).auth.admin.listUsers())
})

test('a wrong config names its key and line', async (t) => {
  const folder = await project(t, { 'config.toml': '[api]\nport = 54321\nmax_rows = "many"\n' })
  const wrong = await Server.attempt({ home: join(folder, 'home'), project: folder })
  assert.notEqual(wrong.code, 0)
  assert.match(wrong.stderr, /config\.toml.*api\.max_rows/)
})
