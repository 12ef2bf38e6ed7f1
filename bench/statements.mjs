// The statements that the server sends for a request, taken from its database's log at the time of measuring, so that
// pgbench runs these and none that were once written down.

import assert from 'node:assert/strict'

import { until } from '../tests/harness/server.mjs'
import { ask } from './measure.mjs'

/**
 * What pgbench runs, with the values of its variables.
 * @typedef {{text: string, variables: Record<string, string>}} Script
 * @typedef {{sql: string, params: (string | null)[]}} Statement
 */

/** The environment in which the statements are in the log. */
const LOGGED = { VESTIBULE_LOG: 'warn,postgres=info', VESTIBULE_LOG_FORMAT: 'json' }

/**
 * Restarts the server so that its database logs the statements of a role, runs `use`, and restarts it as it was.
 * @param {object} options what the server was started with
 */
export async function logged(server, role, options, use) {
  await server.sql(`alter role ${role} set log_statement = 'all'; alter role ${role} set log_error_verbosity = 'default'`)
  await server.stop()
  await server.restart({ ...options, env: { ...options.env, ...LOGGED } })
  const result = await use()
  await server.sql(`alter role ${role} reset log_statement; alter role ${role} reset log_error_verbosity`)
  await server.stop()
  await server.restart(options)
  return result
}

/** How long nothing may come any more before the log is taken to be complete, in milliseconds. */
const QUIET = 100

/**
 * The transaction of one request, to be called inside {@link logged}. One that was sent as a single group of messages
 * needs no `begin` and `commit`; pgbench, which sends statements one by one, gets them.
 * @param {import('./measure.mjs').Request} request
 * @returns {Promise<{statements: Statement[], answer: any}>}
 */
export async function transaction(server, request) {
  const from = server.log.length
  const answer = await ask(server, request)
  assert.ok(answer.status < 300, `${request.path}: ${answer.status} ${answer.text}`)
  let seen = -1
  const all = await until('the statements are in the log', async () => {
    const before = seen
    seen = server.log.length
    if (before !== seen) return new Promise((next) => setTimeout(next, QUIET))
    const all = read(server.log.slice(from))
    return all.length ? all : undefined
  })
  const end = all.findLastIndex(({ sql }) => sql === 'commit')
  const begin = all.slice(0, Math.max(end, 0)).findLastIndex(({ sql }) => sql.startsWith('begin'))
  if (begin >= 0) return { statements: all.slice(begin, end + 1), answer }
  // The settings come first; without any, it is one statement.
  const first = all.findLastIndex(({ sql }) => sql.startsWith('select set_config('))
  const bound = (sql) => ({ sql, params: [] })
  return { statements: [bound('begin'), ...all.slice(first), bound('commit')], answer }
}

/** Reads the statements of a log. */
function read(log) {
  const statements = []
  let message = ''
  const lines = log.slice(0, log.lastIndexOf('\n') + 1).split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line))
  const messages = []
  for (const { target, message } of lines) {
    if (target !== 'postgres') continue
    if (message.startsWith('\t')) messages[messages.length - 1] += `\n${message.slice(1)}`
    else messages.push(message)
  }
  for (message of messages) {
    const execute = /^(?:execute [^:]*|statement):\s+([^]*)$/.exec(message)
    const parameters = /^DETAIL: +parameters: ([^]*)$/i.exec(message)
    if (parameters && statements.length) statements.at(-1).params = values(parameters[1])
    else if (execute) statements.push({ sql: execute[1].trim(), params: [] })
  }
  return statements
}

/** Reads `$1 = 'it''s', $2 = NULL`. */
function values(text) {
  return [...text.matchAll(/\$\d+ = (?:'((?:[^']|'')*)'|NULL)/g)].map(([, value]) => value?.replaceAll("''", "'") ?? null)
}

let scripts = 0

/**
 * A transaction as a script.
 * @param {Statement[]} statements
 * @param {{replace?: (value: string | null, type: string) => string | undefined, gset?: Record<number, string>, before?: string}} [options]
 *   `replace` gives what stands in the place of a value, `gset` names the prefix of variables that take the row of a
 *   statement, by its number in the transaction, `before` are commands ahead
 * @returns {Promise<Script>}
 */
export async function script(server, statements, { replace = () => undefined, gset = {}, before = '' } = {}) {
  const number = scripts++
  const variables = {}
  const lines = []
  for (const [at, { sql, params }] of statements.entries()) {
    const types = params.length ? await parameterTypes(server, sql) : []
    const body = withoutColons(sql).replace(/\$(\d+)/g, (_, n) => {
      const type = types[n - 1]
      const value = params[n - 1]
      const replaced = replace(value, type)
      // A variable that is not there is sent as NULL.
      const name = `v${number}_${at}_${n}`
      if (replaced === undefined && value !== null) variables[name] = value
      return `${replaced ?? `:${name}`}::${type}`
    })
    lines.push(`${body}${gset[at] ? ` \\gset ${gset[at]}` : ';'}`)
  }
  return { text: `${before}${lines.join('\n')}\n`, variables }
}

/** The types that the database infers for a statement's parameters. */
async function parameterTypes(server, sql) {
  const asked = `select unnest(parameter_types)::text from pg_prepared_statements where name = 'measured'`
  const rows = await server.rows(`prepare measured as ${sql}; ${asked}`)
  return rows.map(([type]) => type).filter((type) => type !== 'PREPARE')
}

/** In quoted text pgbench would take what follows a colon for a variable. */
function withoutColons(sql) {
  return sql.replace(/'(?:[^']|'')*'/g, (text) => (/:\w/.test(text) ? `U&${text.replaceAll('\\', '\\\\').replaceAll(':', '\\003A')}` : text))
}
