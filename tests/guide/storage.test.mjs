// Point 10: files, their owners, and users who cannot be deleted while they own some.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { before, test } from 'node:test'
import { Server, psql } from '../harness/server.mjs'
import { admin, app, newcomer, ok, prepare } from './client.mjs'

/** @type {Server} */ let server
before(async (t) => {
  server = await Server.start(t)
  await prepare(server)
  await server.sql(`
    create policy "own files" on storage.objects for all to authenticated
      using (owner_id = (select auth.uid())::text) with check (bucket_id in ('avatars', 'documents'));`)
  await ok(admin(server).storage.createBucket('avatars', { public: false }))
  await ok(admin(server).storage.createBucket('documents', { public: false, fileSizeLimit: 2048, allowedMimeTypes: ['text/*'] }))
  await ok(admin(server).storage.createBucket('shop', { public: true }))
})

test('10: buckets are made and listed by the secret key only', async () => {
  assert.deepEqual((await ok(admin(server).storage.listBuckets())).map(({ name }) => name).sort(), ['avatars', 'documents', 'shop'])
  const { client } = await newcomer(server)
  for (const supabase of [app(server), client]) {
    const { error } = await supabase.storage.createBucket('intruder')
    assert.match(String(error?.message), /row-level security/)
    assert.deepEqual(await ok(supabase.storage.listBuckets()), [])
  }
  assert.equal(await server.value('select count(*) from storage.buckets'), '3')
  const twice = await admin(server).storage.createBucket('avatars')
  assert.equal(/** @type {any} */ (twice.error)?.statusCode, '409')
})

test('10: upload, download, list and remove; the owner is the uploader', async () => {
  const { client, user } = await newcomer(server)
  const bytes = randomBytes(300_000)
  const bucket = client.storage.from('avatars')
  const path = `${user.id}/Fotos/me ☃.bin`
  const name = `${user.id}/photos/me.bin`
  const refusedName = await bucket.upload(path, bytes)
  assert.equal(/** @type {any} */ (refusedName.error)?.statusCode, '400', 'names are a subset of ASCII')
  const uploaded = await ok(bucket.upload(name, bytes, { contentType: 'application/octet-stream' }))
  assert.equal(uploaded.path, name)
  const [row] = await server.rows(`
    select owner_id, bucket_id, name, metadata ->> 'size', metadata ->> 'mimetype' from storage.objects where id = '${uploaded.id}'`)
  assert.deepEqual(row, [user.id, 'avatars', name, '300000', 'application/octet-stream'])

  const blob = await ok(bucket.download(name))
  assert.ok(Buffer.from(await blob.arrayBuffer()).equals(bytes))
  const listed = await ok(bucket.list(`${user.id}/photos`))
  assert.deepEqual(listed.map(({ name }) => name), ['me.bin'])
  assert.deepEqual((await ok(bucket.list(user.id))).map(({ name, id }) => [name, id]), [['photos', null]])

  const twice = await bucket.upload(name, bytes)
  assert.equal(/** @type {any} */ (twice.error)?.statusCode, '409')
  await ok(bucket.upload(name, Buffer.from('new'), { upsert: true, contentType: 'text/plain' }))
  assert.equal(await (await ok(bucket.download(name))).text(), 'new')

  const stranger = (await newcomer(server)).client.storage.from('avatars')
  assert.equal(/** @type {any} */ ((await stranger.download(name)).error)?.status, 400)
  assert.deepEqual(await ok(stranger.list(`${user.id}/photos`)), [])
  assert.deepEqual(await ok(stranger.remove([name])), [])
  assert.equal(/** @type {any} */ ((await stranger.upload(name, 'mine now', { upsert: true })).error)?.statusCode, '403')
  assert.equal((await app(server).storage.from('avatars').download(name)).data, null)

  assert.deepEqual((await ok(bucket.remove([name]))).map(({ name }) => name), [name])
  assert.equal(/** @type {any} */ ((await bucket.download(name)).error)?.status, 400)
  assert.equal(await server.value(`select count(*) from storage.objects where name = '${name}'`), '0')
})

test('10: size and kind of a bucket are kept', async () => {
  const { client } = await newcomer(server)
  const bucket = client.storage.from('documents')
  const large = await bucket.upload('large.txt', 'x'.repeat(2049), { contentType: 'text/plain' })
  assert.equal(/** @type {any} */ (large.error)?.statusCode, '413')
  const image = await bucket.upload('image.png', randomBytes(10), { contentType: 'image/png' })
  assert.equal(/** @type {any} */ (image.error)?.statusCode, '415')
  await ok(bucket.upload('fits.txt', 'x'.repeat(2048), { contentType: 'text/plain' }))
  assert.equal(await server.value(`select string_agg(name, ',') from storage.objects where bucket_id = 'documents'`), 'fits.txt')
})

test('10: public buckets are read without a key', async () => {
  await ok(admin(server).storage.from('shop').upload('logo.svg', '<svg/>', { contentType: 'image/svg+xml' }))
  const { data } = app(server).storage.from('shop').getPublicUrl('logo.svg')
  const answer = await fetch(data.publicUrl)
  assert.equal(answer.status, 200)
  assert.equal(await answer.text(), '<svg/>')
  assert.equal((await fetch(data.publicUrl.replace('/shop/', '/avatars/'))).status, 400)
})

test('10: the owner of files cannot be deleted, anywhere, until they are removed or reassigned', async () => {
  const owner = await newcomer(server, { data: { first_name: 'Owner' } })
  const heir = await newcomer(server)
  const { client, user } = owner
  await ok(client.storage.from('avatars').upload(`${user.id}/1.txt`, 'one'))
  await ok(client.storage.from('avatars').upload(`${user.id}/2.txt`, 'two'))
  await ok(client.storage.from('documents').upload(`${user.id}/3.txt`, 'three', { contentType: 'text/plain' }))

  const everything = async () => server.rows(`
    select (select count(*) from auth.users where id = '${user.id}'),
      (select count(*) from auth.identities where user_id = '${user.id}'),
      (select count(*) from auth.sessions where user_id = '${user.id}'),
      (select count(*) from auth.refresh_tokens where user_id = '${user.id}'),
      (select count(*) from public.profiles where id = '${user.id}'),
      (select count(*) from storage.objects where owner_id = '${user.id}')`)
  const before = await everything()
  assert.deepEqual(before, [['1', '1', '1', '1', '1', '3']])
  const explains = (text) => {
    assert.match(text, /\b3\b/)
    assert.match(text, /avatars\D+2\b/)
    assert.match(text, /documents\D+1\b/)
  }

  const byApi = await admin(server).auth.admin.deleteUser(user.id)
  assert.equal(byApi.error?.status, 409)
  explains(String(byApi.error?.message))
  const bySql = await psql(server.keys.DB_URL, ['-v', 'VERBOSITY=verbose', '-c', `delete from auth.users where id = '${user.id}'`])
  assert.notEqual(bySql.code, 0)
  assert.match(bySql.stderr, /23503/)
  explains(bySql.stderr)
  const all = await psql(server.keys.DB_URL, ['-c', 'delete from auth.users'])
  assert.notEqual(all.code, 0)
  const byCommand = await server.command(['users', 'delete', user.id])
  assert.notEqual(byCommand.code, 0)
  explains(byCommand.stderr)
  assert.deepEqual(await everything(), before, 'nothing was deleted')
  await ok(client.auth.getUser())
  assert.equal(await (await ok(client.storage.from('avatars').download(`${user.id}/1.txt`))).text(), 'one')

  const moved = await server.command(['storage', 'reassign', '--from', user.id, '--to', heir.user.id])
  assert.equal(moved.code, 0, moved.stderr)
  assert.match(moved.stdout, /\b3 objects/)
  assert.equal(await (await ok(heir.client.storage.from('avatars').download(`${user.id}/2.txt`))).text(), 'two')
  await ok(admin(server).auth.admin.deleteUser(user.id))
  assert.deepEqual(await everything(), [['0', '0', '0', '0', '0', '0']])

  assert.equal((await admin(server).auth.admin.deleteUser(heir.user.id)).error?.status, 409)
  await ok(heir.client.storage.from('avatars').remove([`${user.id}/1.txt`, `${user.id}/2.txt`]))
  await ok(heir.client.storage.from('documents').remove([`${user.id}/3.txt`]))
  await ok(admin(server).auth.admin.deleteUser(heir.user.id))
})

test('10: files are only reassigned to a user who exists', async () => {
  const { client, user } = await newcomer(server)
  await ok(client.storage.from('avatars').upload(`${user.id}/kept.txt`, 'kept'))
  const done = await server.command(['storage', 'reassign', '--from', user.id, '--to', '00000000-0000-4000-8000-000000000001'])
  assert.notEqual(done.code, 0)
  assert.match(done.stderr, /00000000-0000-4000-8000-000000000001/)
  assert.equal(await server.value(`select count(*) from storage.objects where owner_id = '${user.id}'`), '1')
})

test('10: rows of storage.objects are not deleted by SQL, which would lose their files', async () => {
  const done = await psql(server.keys.DB_URL, ['-c', 'delete from storage.objects'])
  assert.notEqual(done.code, 0)
  assert.match(done.stderr, /storage API/)
})
