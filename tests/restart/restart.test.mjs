// The server process is killed while people sign up: whoever got a 200 is there afterwards.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { Server, freePort } from '../harness/server.mjs'

const CONNECTIONS = 8
/** After how many sign-ups the process is killed; different each time. */
const ROUNDS = [3, 25, 60]

/** Signs people up until the server is gone; `answered` collects those who got a 200. */
async function signUps(server, answered, onAnswer) {
  for (;;) {
    const email = `${randomUUID()}@example.com`
    let answer
    try {
      answer = await fetch(`${server.url}/auth/v1/signup`, {
        method: 'POST',
        headers: { apikey: server.keys.PUBLISHABLE_KEY, 'content-type': 'application/json' },
        body: JSON.stringify({ email, password: 'example-password', data: { n: answered.length } }),
      })
    } catch {
      return // the connection broke: nothing was promised
    }
    // From the status line on the promise holds, whether or not the body still comes.
    if (answer.status === 200) answered.push(email)
    else assert.fail(`a sign-up failed with ${answer.status}: ${await answer.text()}`)
    onAnswer()
    const body = await answer.json().catch(() => null)
    if (body === null) return
    assert.equal(body.user.email, email)
  }
}

test('every sign-up that was answered survives a kill under load, three times over', async (t) => {
  const databasePort = await freePort()
  const server = await Server.start(t, { databasePort })
  await server.sql(`
    create table public.profiles (id uuid primary key references auth.users on delete cascade, email text);
    create function public.handle_new_user() returns trigger language plpgsql security definer set search_path = '' as $$
    begin insert into public.profiles values (new.id, new.email); return new; end $$;
    create trigger on_auth_user_created after insert on auth.users for each row execute function public.handle_new_user();`)
  const everybody = []
  for (const round of ROUNDS) {
    const answered = []
    let killed
    const onAnswer = () => {
      if (answered.length >= round) killed ??= server.kill()
    }
    await Promise.all(Array.from({ length: CONNECTIONS }, () => signUps(server, answered, onAnswer)))
    await killed
    assert.equal(server.child.signalCode, 'SIGKILL', 'the process was killed and did not end by itself')
    everybody.push(...answered)

    await server.restart({ databasePort })
    t.diagnostic(`${answered.length} sign-ups answered before the kill; ready again after ${Math.round(server.readyMs)} ms`)
    assert.equal((await server.postmasters()).length, 1, 'one database on one data directory')
    const there = new Set((await server.rows('select email from auth.users')).map(([email]) => email))
    assert.deepEqual(everybody.filter((email) => !there.has(email)), [])
    assert.equal(await server.value(`
      select count(*) from auth.users u
      where not exists (select from auth.identities i where i.user_id = u.id)
        or not exists (select from public.profiles p where p.id = u.id)`), '0', 'nobody is there in part')
    const login = await server.request('POST', '/auth/v1/token?grant_type=password', {
      body: { email: answered[0], password: 'example-password' },
    })
    assert.equal(login.status, 200, login.text)
  }
  const before = Number(await server.value('select count(*) from auth.users'))
  assert.ok(before >= everybody.length)
})

test('a kill of server and database together loses nothing that was answered', async (t) => {
  const databasePort = await freePort()
  const server = await Server.start(t, { databasePort })
  const answered = []
  let killed
  const onAnswer = () => {
    if (answered.length < 20) return
    killed ??= (async () => {
      for (const pid of await server.postmasters()) process.kill(pid, 'SIGKILL')
      await server.kill()
    })()
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, () => signUps(server, answered, onAnswer).catch((error) => {
    // between the database's end and the server's, sign-ups fail, as they should
    if (!/failed with 5/.test(error.message)) throw error
  })))
  await killed
  await server.restart({ databasePort })
  assert.equal((await server.postmasters()).length, 1)
  const there = new Set((await server.rows('select email from auth.users')).map(([email]) => email))
  assert.deepEqual(answered.filter((email) => !there.has(email)), [])
})

test('a start while the old database still runs never makes two', async (t) => {
  const databasePort = await freePort()
  const server = await Server.start(t, { databasePort })
  const [old] = await server.postmasters()
  await server.kill()
  assert.deepEqual(await server.postmasters(), [old], 'the database outlives the server')
  await server.restart({ databasePort: await freePort() })
  assert.equal((await server.postmasters()).length, 1)
  assert.equal(await server.stop(), 0)
  assert.deepEqual(await server.postmasters(), [])
})
