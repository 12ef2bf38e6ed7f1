// The figures of the README, measured: size of the program, memory at rest, time until it answers.
//
//   make bench                                   builds the release binary and calls this
//   node bench/figures.mjs target/release/vestibule

import { statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { cpus } from 'node:os'
import { rm } from 'node:fs/promises'

process.env.VESTIBULE_BINARY = resolve(process.argv[2] ?? 'target/release/vestibule')
const { Server, freePort, temporaryFolder } = await import('../tests/harness/server.mjs')

const RUNS = 5
const MIB = 1024 * 1024

const middle = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)]


async function newDirectories() {
  const outside = []
  for (let run = 0; run < RUNS; run++) {
    const server = await Server.start(null)
    outside.push(server.readyMs)
    await server.stop()
    await rm(join(server.home, '..'), { recursive: true, force: true })
  }
  return middle(outside)
}

async function existingDirectory() {
  const folder = await temporaryFolder(null)
  const databasePort = await freePort()
  const server = await Server.start(null, { home: join(folder, 'home'), databasePort })
  const outside = []
  const memory = []
  for (let run = 0; run < RUNS; run++) {
    await server.stop()
    await server.restart({ databasePort })
    outside.push(server.readyMs)
    memory.push(await server.memory('VmRSS'))
  }
  const load = await signIns(server)
  const after = await server.memory('VmRSS')
  await server.stop()
  await rm(folder, { recursive: true, force: true })
  return { ready: middle(outside), memory: middle(memory) / 1024, after: after / 1024, ...load }
}

/** A light load: one user signs in, then reads their account and their row again and again over eight connections. */
async function signIns(server) {
  await server.sql('create table public.own (id uuid primary key); alter table public.own enable row level security; create policy p on public.own using (id = (select auth.uid()))')
  const body = { email: 'bench@example.com', password: 'example-password' }
  const { json } = await server.request('POST', '/auth/v1/signup', { body })
  const rate = async (seconds, ask) => {
    const end = performance.now() + seconds * 1000
    let done = 0
    await Promise.all(Array.from({ length: 8 }, async () => {
      while (performance.now() < end) {
        const answer = await ask()
        if (answer.status !== 200) throw new Error(`${answer.status} ${answer.text}`)
        done++
      }
    }))
    return done / seconds
  }
  const token = json.access_token
  return {
    passwords: await rate(3, () => server.request('POST', '/auth/v1/token?grant_type=password', { body })),
    users: await rate(3, () => server.request('GET', '/auth/v1/user', { token })),
    rows: await rate(3, () => server.request('GET', '/rest/v1/own', { token })),
  }
}

const size = statSync(process.env.VESTIBULE_BINARY).size / MIB
const fresh = await newDirectories()
const found = await existingDirectory()

const row = (what, value, target = '') => console.log(`| ${what} | ${value} | ${target} |`)
console.log(`\n${cpus().length} × ${cpus()[0]?.model}; median of ${RUNS}\n`)
row('measure', 'value', 'target')
row('---', '---:', '---:')
row('size of the binary, web app inside', `${size.toFixed(1)} MiB`, '25 MB')
row('resident memory at rest', `${found.memory.toFixed(1)} MiB`, '15 MiB')
row('ready on an existing data directory', `${(found.ready / 1000).toFixed(2)} s`, '0.5 s')
row('ready on a new data directory, initdb included', `${(fresh / 1000).toFixed(2)} s`, '2 s')
row('sign-ins with a password', `${found.passwords.toFixed(0)} /s`)
row('GET /auth/v1/user', `${found.users.toFixed(0)} /s`)
row('GET /rest/v1/own under a policy', `${found.rows.toFixed(0)} /s`)
row('resident memory after that load', `${found.after.toFixed(1)} MiB`)
