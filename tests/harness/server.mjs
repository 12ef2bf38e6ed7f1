// Starts the real binary on free ports over a data directory of its own, and takes it away again.

import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { chmod, mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..')

/** The program under test. */
export const binary = process.env.VESTIBULE_BINARY ?? join(root, 'target/debug/vestibule')

/** Long enough for the slowest machine; nothing waits this long unless it is broken. */
const DEADLINE_MS = 60_000

/**
 * Asks again and again until `ask` gives something other than undefined.
 * @template T
 * @param {string} what named when the time is up
 * @param {() => Promise<T | undefined>} ask
 * @param {number} [within] milliseconds
 * @returns {Promise<T>}
 */
export async function until(what, ask, within = DEADLINE_MS) {
  const deadline = performance.now() + within
  for (;;) {
    const found = await ask()
    if (found !== undefined) return found
    if (performance.now() > deadline) assert.fail(`${what}: still not after ${within} ms`)
    await new Promise((next) => setTimeout(next, 5))
  }
}

/** A folder that is removed after the test; the database's own user may pass through it. */
export async function temporaryFolder(t) {
  const folder = await mkdtemp(join(tmpdir(), 'vestibule-test-'))
  await chmod(folder, 0o711)
  t?.after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  return folder
}

/** A port that nobody uses, outside the range from which the kernel takes ports for outgoing connections. */
export async function freePort() {
  for (;;) {
    const port = randomInt(20_000, 32_000)
    const free = await new Promise((answer) => {
      const probe = createServer()
      probe.once('error', () => answer(false))
      probe.listen(port, '127.0.0.1', () => probe.close(() => answer(true)))
    })
    if (free) return port
  }
}

/** The environment without anything that would change what the program does. */
function cleanEnvironment(more = {}) {
  const ours = /^(VESTIBULE_|GOTRUE_|PGRST_|PG[A-Z]+$|DATABASE_URL$|JWT_SECRET$|PORT$|API_EXTERNAL_URL$|(PUBLISHABLE|SECRET)_KEY$)/
  const kept = Object.entries(process.env).filter(([name]) => !ours.test(name))
  return { ...Object.fromEntries(kept), ...more }
}

/**
 * Runs a program to its end; never rejects.
 * @returns {Promise<{code: number, stdout: string, stderr: string}>}
 */
export function run(program, args, { input, env, cwd } = {}) {
  return new Promise((done) => {
    const options = { env: cleanEnvironment(env), cwd, maxBuffer: 1 << 30, timeout: DEADLINE_MS * 5 }
    const child = execFile(program, args, options, (error, stdout, stderr) =>
      done({ code: error ? (typeof error.code === 'number' ? error.code : -1) : 0, stdout, stderr }),
    )
    child.stdin.on('error', () => {})
    child.stdin.end(input ?? '')
  })
}

/** Runs a command of the program that has nothing to do with a running server. */
export const vestibule = (args, options) => run(binary, args, options)

/** A running server. */
export class Server {
  /** @type {string} */ home
  /** @type {import('node:child_process').ChildProcess} */ child
  /** How long it took until it answered, in milliseconds. */
  readyMs = 0
  /** What `vestibule status -o json` says. */
  keys = /** @type {Record<string, string>} */ ({})
  #log = ''
  #out = ''
  #exit = /** @type {Promise<void>} */ (Promise.resolve())

  /**
   * Starts one and waits until it answers.
   * @param {import('node:test').TestContext | null} t its end stops the server
   * @param {{home?: string, project?: string, databaseUrl?: string, port?: number, databasePort?: number, args?: string[], env?: object, cwd?: string}} [options]
   */
  static async start(t, options = {}) {
    const server = new Server()
    const own = options.home === undefined ? await temporaryFolder(null) : null
    server.home = options.home ?? join(/** @type {string} */ (own), 'home')
    t?.after(async () => {
      await server.dispose()
      if (own) await rm(own, { recursive: true, force: true, maxRetries: 5 })
    })
    server.port = options.port ?? (await freePort())
    server.url = `http://127.0.0.1:${server.port}`
    await server.#launch(options)
    return server
  }

  /** Starts without waiting, for starts that are expected to fail. */
  static async attempt(options = {}) {
    const server = new Server()
    server.home = options.home
    server.port = options.port ?? (await freePort())
    await server.#spawn(options)
    await server.#exit
    return { code: server.child.exitCode, stdout: server.#out, stderr: server.#log }
  }

  async #spawn(options) {
    const where = options.databaseUrl
      ? ['serve', '--database-url', options.databaseUrl]
      : ['start', '--db-port', String(options.databasePort ?? (await freePort()))]
    const project = options.project ? ['--project', options.project] : []
    const args = [...where, '--home', this.home, '--port', String(this.port), ...project, ...(options.args ?? [])]
    const child = spawn(binary, args, {
      env: cleanEnvironment(options.env),
      stdio: ['ignore', 'pipe', 'pipe'],
      // A folder without `supabase/`, so that the current one never counts as a project.
      cwd: options.cwd ?? tmpdir(),
    })
    this.child = child
    child.stdout.setEncoding('utf8').on('data', (text) => (this.#out += text))
    child.stderr.setEncoding('utf8').on('data', (text) => (this.#log += text))
    this.#exit = new Promise((done) => child.once('close', () => done()))
  }

  async #launch(options) {
    const begun = performance.now()
    await this.#spawn(options)
    await until('the server answers', async () => {
      if (this.child.exitCode !== null || this.child.signalCode !== null) {
        await this.#exit
        assert.fail(`the server ended while it started:\n${this.#log}`)
      }
      const answer = await fetch(`${this.url}/auth/v1/health`).catch(() => undefined)
      await answer?.arrayBuffer()
      return answer?.ok ? true : undefined
    })
    this.readyMs = performance.now() - begun
    const status = await this.command(['status', '-o', 'json'])
    assert.equal(status.code, 0, status.stderr)
    this.keys = JSON.parse(status.stdout)
  }

  /** What was printed to standard output. */
  get banner() {
    return this.#out
  }

  /** What was logged so far. */
  get log() {
    return this.#log
  }

  /** Waits for a log line that matches. */
  logLine(pattern) {
    return until(`a log line ${pattern}`, async () => this.#log.split('\n').find((line) => pattern.test(line)), 10_000)
  }

  /** Runs a command of the program on this server's data directory. */
  command(args, options = {}) {
    return run(binary, [...args, '--home', this.home], { cwd: tmpdir(), ...options })
  }

  /** Runs SQL through psql; gives the rows, each value as text, NULL as null. */
  async rows(sql) {
    const done = await psql(this.keys.DB_URL, ['--csv', '--tuples-only', '-P', 'null=\u0001', '-c', sql])
    assert.equal(done.code, 0, done.stderr)
    return splitCsv(done.stdout).map((row) => row.map((value) => (value === '\u0001' ? null : value)))
  }

  /** Runs SQL through psql; gives the only value. */
  async value(sql) {
    return (await this.rows(sql))[0]?.[0]
  }

  /** Runs SQL through psql; an error fails the test. */
  async sql(text) {
    const done = await psql(this.keys.DB_URL, ['-v', 'ON_ERROR_STOP=1', '-q', '-f', '-'], text)
    assert.equal(done.code, 0, done.stderr)
  }

  /** Sends a request with the key `apikey`, and a token if one is given. */
  async request(method, path, { key = this.keys.PUBLISHABLE_KEY, token, headers = {}, body } = {}) {
    const isRaw = body === undefined || typeof body === 'string' || body instanceof Uint8Array
    const answer = await fetch(`${this.url}${path}`, {
      method,
      redirect: 'manual',
      headers: {
        ...(key === null ? {} : { apikey: key }),
        ...(token ? { authorization: `Bearer ${token}` } : {}),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      body: isRaw ? body : JSON.stringify(body),
    })
    const text = await answer.text()
    let json
    try {
      json = JSON.parse(text)
    } catch {
      json = undefined
    }
    return { status: answer.status, headers: answer.headers, text, json }
  }

  /** A figure of the server process in KiB, as the kernel counts it: VmRSS, VmHWM … */
  async memory(name) {
    return memoryOf(this.child.pid, name)
  }

  /** Lets VmHWM, the most memory ever used, count from now on. */
  async forgetPeak() {
    const { writeFile } = await import('node:fs/promises')
    await writeFile(`/proc/${this.child.pid}/clear_refs`, '5')
  }

  /** Asks the server to stop and waits until it and its database have. */
  async stop(signal = 'SIGTERM') {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(signal)
    await this.#exit
    return this.child.exitCode
  }

  /** Ends the server process without giving it a chance; its database lives on. */
  async kill() {
    this.child.kill('SIGKILL')
    await this.#exit
  }

  /** Starts again on the same data directory and port. */
  async restart(options = {}) {
    this.#log = ''
    this.#out = ''
    await this.#launch(options)
  }

  /** The postmasters that run on this data directory. */
  async postmasters() {
    const data = join(this.home, 'pgdata')
    const found = []
    for (const entry of await readdir('/proc')) {
      if (!/^\d+$/.test(entry)) continue
      const line = await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '')
      const args = line.split('\0')
      if (/(^|\/)(postgres|postmaster)$/.test(args[0]) && args.includes(data)) found.push(Number(entry))
    }
    return found
  }

  /** Stops everything that still runs. */
  async dispose() {
    if (this.child.exitCode === null && this.child.signalCode === null) await this.stop()
    for (const pid of await this.postmasters()) {
      process.kill(pid, 'SIGQUIT')
      await until(`postmaster ${pid} is gone`, async () => ((await readdir('/proc')).includes(String(pid)) ? undefined : true))
    }
  }
}

/** Runs psql, which reads no file of the user's. */
export function psql(url, args, input) {
  return run(process.env.PSQL ?? 'psql', ['-X', '-d', url, ...args], { input })
}

/** A figure of a process in KiB: VmRSS, VmHWM … */
export async function memoryOf(pid, name) {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1])
}

// For psql's output in checks, where values are short; exports are read with a library.
function splitCsv(text) {
  const rows = []
  let row = []
  const pattern = /(?:"((?:[^"]|"")*)"|([^",\n]*))(,|\n)/gy
  for (let match = pattern.exec(text); match; match = pattern.exec(text)) {
    row.push(match[1] === undefined ? match[2] : match[1].replaceAll('""', '"'))
    if (match[3] === '\n') {
      rows.push(row)
      row = []
    }
  }
  return rows
}
