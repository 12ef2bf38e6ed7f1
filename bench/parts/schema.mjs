// A database with many tables.

import { ROUNDS, ask, load, median } from '../measure.mjs'
import { settle } from '../accounts.mjs'
import { until } from '../../tests/harness/server.mjs'

export const title = 'Schema cache, 2,000 tables'
const TABLES = 2_000
const CONNECTIONS = 2
const RATE = 100

export const environment = {}

/** In pieces, since one transaction may not lock that many tables. */
const tables = (from, to) => `
  do $$ begin
    for n in ${from}..${to} loop
      execute format('create table public.t%s (id bigint primary key, name text not null, size int, at timestamptz, '
        'parent bigint %s)', n, case when n > 1 then format('references public.t%s', n - 1) else '' end);
    end loop;
  end $$;`

export async function measure(server, _options, table) {
  await server.sql(`
    create table public.own (id bigint primary key);
    insert into public.own values (1);
    grant select on public.own to service_role;`)
  for (let n = 0; n < TABLES; n += 100) await server.sql(tables(n + 1, n + 100))
  await settle(server)
  const key = server.keys.SECRET_KEY
  const loads = []
  for (let round = 0; round < ROUNDS; round++) loads.push(await seen(server, key, round))
  table.below('from a change of the schema until it is served', median(loads) / 1000, {
    most: 1,
    unit: 's',
    beside: `median of ${ROUNDS}, ${Math.min(...loads).toFixed(0)}–${Math.max(...loads).toFixed(0)} ms`,
  })
  const requests = Array.from({ length: CONNECTIONS }, () => ({ path: '/rest/v1/own', key }))
  const paced = () => load(server, requests, { connections: CONNECTIONS, seconds: 6, flags: ['--rate', String(RATE)] })
  const calm = await paced()
  let reloads = 0
  let isOver = false
  const [busy] = await Promise.all([
    paced().finally(() => (isOver = true)),
    (async () => {
      while (!isOver) await seen(server, key, `reload_${reloads++}`)
    })(),
  ])
  const ms = (time) => `${(time / 1000).toFixed(1)} ms`
  table.add('requests while it reloads', {
    value: `p99 ${ms(busy.p99)}`,
    beside: `slowest ${ms(busy.max)}; at rest p99 ${ms(calm.p99)}, slowest ${ms(calm.max)}; ${reloads} reloads one after the other`,
    target: 'slowest ≤ a tenth of a reload more than at rest',
    isMet: busy.max <= calm.max + (median(loads) * 1000) / 10,
  })
}

/** Milliseconds from a change of the schema until requests see it. */
async function seen(server, key, name) {
  await server.sql(`create table public.new_${name} (id bigint primary key); grant select on public.new_${name} to service_role`)
  const began = performance.now()
  await server.sql(`notify pgrst, 'reload schema'`)
  await until('the new table is served', async () => ((await ask(server, { path: `/rest/v1/new_${name}`, key })).status === 200 ? true : undefined))
  return performance.now() - began
}
