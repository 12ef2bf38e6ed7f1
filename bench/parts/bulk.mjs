// A million rows in one answer.

import { join } from 'node:path'

import { inFolder, inTurns, load, output } from '../measure.mjs'
import { settle } from '../accounts.mjs'

export const title = 'A million rows in one answer'
const ROWS = 1_000_000

export const environment = {}

const TABLE = `
  create table public.measurements (
    id bigint primary key, sensor text not null, value double precision, at timestamptz not null);
  insert into public.measurements select n, 'sensor ' || n % 1000, random() * 100, now() - n * interval '1 second'
    from generate_series(1, ${ROWS}) n;
  grant select on public.measurements to service_role;
  -- No limit on the rows of an answer.
  alter role authenticator set pgrst.db_max_rows = '';
  notify pgrst, 'reload schema';`

const JSON_TEXT = 'select json_agg(rows) from (select * from public.measurements) rows'

export async function measure(server, _options, table) {
  await server.sql(TABLE)
  await settle(server)
  const grown = {}
  const request = (accept) => [{ path: '/rest/v1/measurements', key: server.keys.SECRET_KEY, headers: { accept } }]
  const answer = async (accept) => {
    await server.forgetPeak()
    const before = await server.memory('VmRSS')
    const { seconds, bytes } = await load(server, request(accept), { seconds: 120, flags: ['--once'] })
    const growth = ((await server.memory('VmHWM')) - before) / 1024
    grown[accept] = Math.max(grown[accept] ?? 0, growth)
    return { rate: ROWS / seconds, bytes }
  }
  const { json, csv, psql } = await inTurns({
    psql: () => written(server),
    json: () => answer('application/json'),
    csv: () => answer('text/csv'),
  })
  for (const [name, accept, rounds] of [['JSON', 'application/json', json], ['CSV', 'text/csv', csv]]) {
    const size = `${(rounds[0].bytes / 1024 / 1024).toFixed(0)} MiB`
    const rates = rounds.map(({ rate }) => rate)
    table.ratio(`${name} (${size})`, rates, psql, { unit: 'rows/s', of: 'psql, JSON to a file', atLeast: 0.6 })
    table.below(`${name}: growth of the server`, grown[accept], { most: 16, unit: 'MiB', beside: 'most of all rounds' })
  }
}

/** Rows in a second that psql writes to a file as JSON text. */
function written(server) {
  return inFolder(async (folder) => {
    const began = performance.now()
    await output('psql', ['-XAtq', '-d', server.keys.DB_URL, '-o', join(folder, 'rows.json'), '-c', JSON_TEXT])
    return ROWS / ((performance.now() - began) / 1000)
  })
}
