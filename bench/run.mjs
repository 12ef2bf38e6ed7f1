// Load and scale, each figure a ratio or a bound with its target beside it.
//
//   make bench                  everything
//   make bench PART=rest        one part, or several: PART="auth rest"
//   BENCH_SECONDS=1 BENCH_ROUNDS=1 make bench      quickly, to see whether it works

import { rm } from 'node:fs/promises'
import { cpus } from 'node:os'
import { join, resolve } from 'node:path'

process.env.VESTIBULE_BINARY ??= resolve('target/release/vestibule')
const { Server, freePort, temporaryFolder } = await import('../tests/harness/server.mjs')
const { Table } = await import('./measure.mjs')

const ALL = ['figures', 'auth', 'users', 'rest', 'bulk', 'schema']
const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !ALL.includes(name))
if (unknown.length) {
  console.error(`there is no part ${unknown.join(', ')}; there are: ${ALL.join(', ')}`)
  process.exit(2)
}

/** Runs a part on a server of its own with a new database. */
async function run(name) {
  const part = await import(`./parts/${name}.mjs`)
  const table = new Table()
  const began = performance.now()
  console.error(`\n${part.title}`)
  if (part.environment === undefined) {
    await part.measure(table)
    return { part, table, seconds: (performance.now() - began) / 1000 }
  }
  const folder = await temporaryFolder(null)
  const options = { home: join(folder, 'home'), databasePort: await freePort(), env: { VESTIBULE_LOG: 'warn', ...part.environment } }
  const server = await Server.start(null, options)
  try {
    await part.measure(server, options, table)
  } finally {
    await server.dispose()
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
  return { part, table, seconds: (performance.now() - began) / 1000 }
}

/** Percent of the processors that others use, over a second in which nothing of this runs. */
async function busy() {
  const ticks = () => cpus().map(({ times }) => ({ idle: times.idle, all: Object.values(times).reduce((sum, time) => sum + time) }))
  const before = ticks()
  await new Promise((next) => setTimeout(next, 1000))
  const shares = ticks().map(({ idle, all }, n) => 1 - (idle - before[n].idle) / (all - before[n].all))
  return (100 * shares.reduce((sum, share) => sum + share)) / shares.length
}

const others = await busy()
if (others > 5) console.error(`other programs use ${others.toFixed(0)} % of this machine: the figures are not to be relied on`)

const results = []
for (const name of wanted.length ? wanted : ALL) results.push(await run(name))
console.log(`\n${cpus().length} × ${cpus()[0]?.model}, ${others.toFixed(0)} % busy with other programs before`)
for (const { part, table, seconds } of results) table.print(`${part.title} (${seconds.toFixed(0)} s)`)
