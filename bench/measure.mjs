// What measures: the load generator against the server, pgbench and psql against its database, and the table of results.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, open, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const loader = resolve(process.env.VESTIBULE_LOAD ?? 'target/release/load')

/** Connections of the server's clients and of pgbench alike, except where a row says otherwise. */
export const CONNECTIONS = 8

/** How long each side is measured at a time, in seconds, and how often; the sides take turns. */
export const SECONDS = Number(process.env.BENCH_SECONDS ?? 3)
export const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 3)

export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** Runs a program to its end; its output. */
export function output(program, args, { env, input } = {}) {
  return new Promise((done, fail) => {
    const options = { env: { ...process.env, ...env }, maxBuffer: 1 << 28 }
    const child = execFile(program, args, options, (error, stdout, stderr) =>
      error ? fail(new Error(`${program}: ${stderr.slice(-4000) || error.message}`)) : done(stdout),
    )
    child.stdin?.on('error', () => {})
    child.stdin?.end(input ?? '')
  })
}

/** A folder for as long as `use` runs. */
export async function inFolder(use) {
  const folder = await mkdtemp(join(tmpdir(), 'vestibule-bench-'))
  try {
    return await use(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/**
 * A request of the server's.
 * @typedef {{method?: string, path: string, token?: string, key?: string, headers?: Record<string, string>, body?: unknown}} Request
 */

/** A request as it goes over the wire. */
function wire(server, { method = 'GET', path, token, key = server.keys.PUBLISHABLE_KEY, headers = {}, body }) {
  const text = body === undefined ? '' : JSON.stringify(body)
  const all = {
    host: `127.0.0.1:${server.port}`,
    apikey: key,
    'user-agent': 'bench',
    ...(token ? { authorization: `Bearer ${token}` } : {}),
    ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
    ...headers,
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${text}`
}

/** Sends the same requests as {@link load}, once, through the harness. */
export const ask = (server, { method = 'GET', path, ...rest }) =>
  server.request(method, path, { ...rest, headers: { 'user-agent': 'bench', ...rest.headers } })

/**
 * Sends requests from several connections; what the load generator printed. Times are in microseconds; `cpu` is what
 * the server process (not the database) computed for each answer.
 * @param {Request[]} requests
 * @returns {Promise<{answers: number, rate: number, cpu: number, p50: number, p99: number, max: number, seconds: number, bytes: number, each?: any[]}>}
 */
export function load(server, requests, { connections = CONNECTIONS, seconds = SECONDS, flags = [] } = {}) {
  return inFolder(async (folder) => {
    const file = join(folder, 'requests')
    const texts = requests.map((request) => wire(server, request))
    await writeFile(file, texts.map((text) => `${Buffer.byteLength(text)}\n${text}`).join(''))
    const args = ['run', '--address', `127.0.0.1:${server.port}`, '--requests', file]
    args.push('--connections', String(Math.min(connections, requests.length)), '--seconds', String(seconds), ...flags)
    const before = await cpuTime(server)
    const figures = JSON.parse(await output(loader, args))
    return { ...figures, cpu: ((await cpuTime(server)) - before) / figures.answers }
  })
}

/** Microseconds that the server process has computed so far. */
async function cpuTime(server) {
  const stat = await readFile(`/proc/${server.child.pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  // The kernel counts in hundredths of a second.
  return (Number(fields[11]) + Number(fields[12])) * 10_000
}

/** Comparisons of a password with a hash in a second, on all cores. */
export async function hashes(password, hash, seconds = SECONDS) {
  const args = ['hash', '--password', password, '--hash', hash, '--seconds', String(seconds)]
  return JSON.parse(await output(loader, args)).rate
}

/**
 * How long the disk takes to keep as much as a page, which is what a small transaction waits for in the end: the 99th
 * percentile, in milliseconds. Asked as often as a paced request, so that a disk that stops for a while shows alike.
 */
export function disk({ seconds = SECONDS, rate = 15 } = {}) {
  return inFolder(async (folder) => {
    const file = await open(join(folder, 'page'), 'w')
    const times = []
    const end = performance.now() + seconds * 1000
    for (let due = performance.now(); due < end; due += 1000 / rate) {
      await new Promise((next) => setTimeout(next, Math.max(0, due - performance.now())))
      const began = performance.now()
      await file.write(Buffer.alloc(8192, times.length), 0, 8192, 0)
      await file.datasync()
      times.push(performance.now() - began)
    }
    await file.close()
    return times.sort((a, b) => a - b)[Math.ceil(times.length * 0.99) - 1]
  })
}

/**
 * Runs scripts in turns with pgbench, as a role with its settings.
 * @param {import('./statements.mjs').Script[]} scripts
 * @returns {Promise<{rate: number, p50: number}>} transactions in a second; microseconds of the one in the middle
 */
export function pgbench(server, role, scripts, { connections = CONNECTIONS, seconds = SECONDS, variables = {} } = {}) {
  return inFolder(async (folder) => {
    const settings = await server.rows(
      `select unnest(setconfig) from pg_db_role_setting where setrole = '${role}'::regrole and setdatabase = 0`,
    )
    const options = [`role=${role}`, ...settings.map(([text]) => text)]
    const env = { PGOPTIONS: options.map((text) => `-c ${text.replace(/[\\ ]/g, '\\$&')}`).join(' ') }
    const args = ['-n', '-M', 'prepared', '-c', String(connections), '-j', '1', '-T', String(seconds)]
    if (connections === 1) args.push('--log', `--log-prefix=${join(folder, 'times')}`)
    const files = scripts.map((_, at) => join(folder, `${at}.sql`))
    await Promise.all(scripts.map(({ text }, at) => writeFile(files[at], text)))
    const bound = Object.assign({}, variables, ...scripts.map((script) => script.variables))
    args.push(...Object.entries(bound).map(([name, value]) => `-D${name}=${value}`), ...files.map((file) => `-f${file}`))
    const printed = await output('pgbench', [...args, server.keys.DB_URL], { env })
    const rate = Number(/^tps = ([0-9.]+)/m.exec(printed)?.[1])
    const failed = /number of failed transactions: (\d+)/.exec(printed)?.[1] ?? '0'
    assert.ok(rate > 0 && failed === '0', printed)
    return { rate, p50: connections === 1 ? median(await times(folder)) : NaN }
  })
}

/** The microseconds of each transaction that pgbench has logged. */
async function times(folder) {
  const names = (await readdir(folder)).filter((name) => name.startsWith('times'))
  const logs = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')))
  return logs.flatMap((log) => log.trimEnd().split('\n').map((line) => Number(line.split(' ')[2])))
}

/** Measures the sides one after the other, and again; for each the results of all rounds. */
export async function inTurns(sides, rounds = ROUNDS) {
  const results = Object.fromEntries(Object.keys(sides).map((name) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const [name, measure] of Object.entries(sides)) results[name].push(await measure(round))
  }
  return results
}

const digits = (value) => (Math.abs(value) >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2))

/** The results, printed as they come and once more together. */
export class Table {
  rows = []

  /**
   * One figure.
   * @param {string} what
   * @param {{value: string, beside?: string, target?: string, isMet?: boolean}} result
   */
  add(what, { value, beside = '', target = '', isMet }) {
    const verdict = isMet === undefined ? '' : isMet ? 'met' : '**missed**'
    this.rows.push([what, value, beside, target, verdict])
    console.error(`  ${what}: ${value} ${beside} ${target && `(target ${target}: ${verdict})`}`)
  }

  /** Ours over theirs, of the medians, with the range over the rounds. */
  ratio(what, ours, theirs, { of, unit = '/s', atLeast } = {}) {
    const value = median(ours) / median(theirs)
    const range = (numbers) => `${digits(median(numbers))} ${unit} (${digits(Math.min(...numbers))}–${digits(Math.max(...numbers))})`
    this.add(what, {
      value: `${(value * 100).toFixed(0)} %`,
      beside: `${range(ours)} of ${range(theirs)}${of ? `, ${of}` : ''}`,
      ...(atLeast ? { target: `≥ ${atLeast * 100} %`, isMet: value >= atLeast } : {}),
    })
    return value
  }

  /** Requests of {@link load} over transactions of {@link pgbench} with the statements that one of them takes. */
  throughput(what, ours, theirs, { statements, atLeast }) {
    const cpu = median(ours.map((round) => round.cpu)).toFixed(0)
    const of = `pgbench, ${statements.length} statement${statements.length === 1 ? '' : 's'}; the server computes ${cpu} µs for each`
    this.ratio(what, ours.map((round) => round.rate), theirs, { of, atLeast })
  }

  /** A figure that has to stay below one. */
  below(what, value, { most, unit, beside }) {
    const isMet = most === undefined ? undefined : value <= most
    this.add(what, { value: `${digits(value)} ${unit}`, beside, ...(most === undefined ? {} : { target: `≤ ${most} ${unit}`, isMet }) })
  }

  print(title) {
    const all = [['measure', 'value', 'of', 'target', ''], ['---', '---:', '---', '---', '---'], ...this.rows]
    console.log(`\n${title}\n\n${all.map((row) => `| ${row.join(' | ')} |`).join('\n')}`)
  }
}
