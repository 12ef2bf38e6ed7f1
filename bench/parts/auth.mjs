// Accounts, on a database with 100,000 users.

import { ROUNDS, SECONDS, CONNECTIONS, ask, disk, hashes, inTurns, load, median, pgbench } from '../measure.mjs'
import { PASSWORD, addSessions, addUsers, passwordHash, refreshRequest, settle, signIn, signInRequest, spread, userId } from '../accounts.mjs'
import { logged, script, transaction } from '../statements.mjs'

export const title = 'Accounts, 100,000 users'
const USERS = 100_000
/** As many users take turns. */
const TURNS = 16

export const environment = { GOTRUE_MAILER_AUTOCONFIRM: 'true' }

export async function measure(server, options, table) {
  const hash = await passwordHash(server)
  await addUsers(server, hash, 1, USERS)
  await addSessions(server)
  await settle(server)
  const numbers = spread(TURNS, USERS)
  const sessions = await signIn(server, numbers)
  const tokens = sessions.map((session) => session.access_token)
  const known = await logged(server, 'supabase_auth_admin', options, () => statements(server, tokens))
  await user(server, table, tokens, known.user)
  await refresh(server, table, known.refresh)
  await passwords(server, table, hash, tokens)
  await once(server, table)
}

/** The transactions of `GET /user` for each token, and of one refresh. */
async function statements(server, tokens) {
  const request = (token) => ({ path: '/auth/v1/user', token })
  for (const token of tokens.slice(0, 3)) await ask(server, request(token))
  const user = []
  for (const token of tokens) user.push((await transaction(server, request(token))).statements)
  const [{ refresh_token: first }] = await signIn(server, [1])
  const second = (await ask(server, refreshRequest(first))).json.refresh_token
  const refresh = await transaction(server, refreshRequest(second))
  return { user, refresh: { ...refresh, old: second } }
}

async function user(server, table, tokens, known) {
  const scripts = await Promise.all(known.map((statements) => script(server, statements)))
  const requests = tokens.map((token) => ({ path: '/auth/v1/user', token }))
  const bare = await Promise.all(known.map((statements) => script(server, statements.slice(1, -1))))
  const rate = async (scripts) => (await pgbench(server, 'supabase_auth_admin', scripts)).rate
  const { ours, theirs, least } = await inTurns({
    theirs: () => rate(scripts),
    ours: () => load(server, requests),
    least: () => rate(bare),
  })
  table.throughput('`GET /user`', ours, theirs, { statements: known[0], atLeast: 0.8 })
  table.throughput('`GET /user` over its statement without a transaction', ours, least, { statements: known[0].slice(1, -1) })
}

async function refresh(server, table, known) {
  const at = (what) => known.statements.findIndex(({ params }) => params.includes(what))
  const { session_id: session } = claims(known.answer.json.access_token)
  const locked = at(known.old)
  const found = known.statements.findIndex(({ sql, params }, n) => n > locked && params.includes(known.old) && /^select/i.test(sql))
  const tokenId = await server.value(`select id from auth.refresh_tokens where token = '${known.old}'`)
  const replace = (value, type) => {
    if (value === known.old) return ':old'
    if (value === known.answer.json.refresh_token) return ':new'
    if (value === session) return ':l_id'
    if (value === tokenId) return ':f_token_id'
    // Ids of audit entries, which have to be new ones.
    if (type === 'uuid[]') return `array[${value.split(',').map(() => 'gen_random_uuid()')}]`
    return undefined
  }
  const before = `\\set old :base + :client_id * 1000000000 + :c\n\\set new :old + 1\n\\set c :c + 1\n`
  const scripts = [await script(server, known.statements, { replace, before, gset: { [locked]: 'l_', [found]: 'f_' } })]
  const { ours, theirs } = await inTurns({
    theirs: async (round) => {
      const base = 200_000_000_000 + round * 10_000_000_000
      await sessionsOf(server, base)
      return (await pgbench(server, 'supabase_auth_admin', scripts, { variables: { base, c: 0 } })).rate
    },
    ours: async (round) => {
      const opened = await signIn(server, spread(CONNECTIONS, USERS).map((n) => n + round))
      await settle(server)
      const requests = opened.map((session) => refreshRequest(session.refresh_token))
      return load(server, requests, { flags: ['--chain'] })
    },
  })
  table.throughput('refresh', ours, theirs, { statements: known.statements, atLeast: 0.7 })
}

/** A session for each client of pgbench, whose refresh token is a number with twelve digits. */
async function sessionsOf(server, base) {
  await server.sql(`
    with session as (
      insert into auth.sessions (id, user_id, created_at, updated_at, aal)
      select gen_random_uuid(), '${userId(7)}', now(), now(), 'aal1' from generate_series(1, ${CONNECTIONS})
      returning id, user_id)
    insert into auth.refresh_tokens (instance_id, token, user_id, revoked, created_at, updated_at, session_id)
    select '00000000-0000-0000-0000-000000000000', (${base} + (row_number() over () - 1) * 1000000000)::text, user_id,
      false, now(), now(), id from session;
    insert into auth.mfa_amr_claims (id, session_id, created_at, updated_at, authentication_method)
    select gen_random_uuid(), s.id, now(), now(), 'password' from auth.sessions s
    where not exists (select from auth.mfa_amr_claims c where c.session_id = s.id)`)
  await settle(server)
}

const claims = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString())

async function passwords(server, table, hash, tokens) {
  await settle(server)
  const requests = spread(256, USERS).map(signInRequest)
  // A sign-in takes long, so that few fit into a second: the first ones, after which each connection has its statements
  // planned for good, would count, and what the machine does beside would decide. So it takes longer, in more turns.
  const seconds = SECONDS * 2
  await load(server, requests, { seconds: SECONDS * 4 })
  const sides = {
    ceiling: () => hashes(PASSWORD, hash, seconds),
    ours: async () => (await load(server, requests, { seconds })).rate,
  }
  const { ours, ceiling } = await inTurns(sides, ROUNDS * 2)
  table.ratio('sign-in with a password', ours, ceiling, { of: 'bcrypt of the same cost on all cores', atLeast: 0.95 })
  await others(server, table, tokens, requests, median(ceiling))
}

/** How long all other routes take while passwords are compared on all cores. */
async function others(server, table, tokens, storm, ceiling) {
  await server.sql(`
    create table if not exists public.own (id uuid primary key);
    insert into public.own select id from auth.users limit 1000;
    alter table public.own enable row level security;
    create policy own on public.own using (id = (select auth.uid()));
    grant select on public.own to authenticated; notify pgrst, 'reload schema'`)
  const key = server.keys.SECRET_KEY
  const [{ refresh_token: refreshToken }] = await signIn(server, [4321])
  const routes = [
    { path: '/auth/v1/user', token: tokens[0] },
    { path: '/auth/v1/settings' },
    { path: '/auth/v1/.well-known/jwks.json' },
    refreshRequest(refreshToken),
    { path: `/auth/v1/admin/users/${userId(99)}`, key },
    { path: '/auth/v1/admin/users?per_page=10', key },
    { path: '/rest/v1/own', token: tokens[1] },
    { path: '/storage/v1/bucket', key },
    { path: '/dashboard/' },
  ]
  const seconds = SECONDS * ROUNDS
  const calm = await Promise.all(slowly(server, routes, seconds / 3))
  const storming = load(server, storm, { seconds: seconds + 1 })
  const [stormed, kept, ...seen] = await Promise.all([storming, disk({ seconds }), ...slowly(server, routes, seconds)])
  const worst = seen.reduce((most, next, at) => (next.p99 > most.p99 ? { ...next, at } : most), { p99: 0, at: 0 })
  const before = Math.max(...calm.map((next) => next.p99)) / 1000
  table.below('slowest other route meanwhile, p99', worst.p99 / 1000, {
    most: 50,
    unit: 'ms',
    beside: `${routes[worst.at].method ?? 'GET'} ${routes[worst.at].path.split('?')[0].replace(/[0-9a-f-]{36}/, '…')}; ${before.toFixed(1)} ms without sign-ins; the disk alone ${kept.toFixed(1)} ms; sign-ins at ${((stormed.rate / ceiling) * 100).toFixed(0)} % of the ceiling`,
  })
  for (const [at, { p50, p99 }] of seen.entries()) console.error(`    ${routes[at].path}: p50 ${p50 / 1000} ms, p99 ${p99 / 1000} ms`)
}

const slowly = (server, routes, seconds) =>
  routes.map((route) => load(server, [route], { connections: 1, seconds, flags: route.body ? ['--rate', '15', '--chain'] : ['--rate', '15'] }))

/** What can be done once only: sign-ups, and one-time passwords. */
async function once(server, table) {
  const signups = Array.from({ length: 200 }, (_, n) => ({
    method: 'POST',
    path: '/auth/v1/signup',
    body: { email: `new${n}@example.com`, password: PASSWORD },
  }))
  const flags = ['--once']
  const signup = await load(server, signups, { seconds: 60, flags })
  table.add('sign-up with a password', { value: `${signup.rate.toFixed(0)} /s`, beside: `p99 ${(signup.p99 / 1000).toFixed(0)} ms` })
  const [codes, verify] = await links(server)
  const verified = await load(server, verify, { seconds: 60, flags })
  table.add('OTP verify', { value: `${verified.rate.toFixed(0)} /s`, beside: `${codes} codes, p99 ${(verified.p99 / 1000).toFixed(1)} ms` })
}

/** Codes as an administrator gets them, and the requests that use them up. */
async function links(server) {
  const key = server.keys.SECRET_KEY
  const requests = []
  for (const n of spread(2000, USERS)) {
    const body = { type: 'magiclink', email: `user${n}@example.com` }
    const { json, status, text } = await ask(server, { method: 'POST', path: '/auth/v1/admin/generate_link', key, body })
    if (status !== 200) throw new Error(`generate_link: ${status} ${text}`)
    requests.push({ method: 'POST', path: '/auth/v1/verify', body: { type: 'magiclink', email: body.email, token: json.email_otp } })
  }
  return [requests.length, requests]
}
