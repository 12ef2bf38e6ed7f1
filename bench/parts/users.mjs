// Lists of users, a million of them.

import { CONNECTIONS, SECONDS, ask, load } from '../measure.mjs'
import { addUsers, email, passwordHash, settle, spread } from '../accounts.mjs'

export const title = 'Lists of a million users'
const USERS = 1_000_000
const STEP = 100_000

export const environment = {}

export async function measure(server, _options, table) {
  const hash = await passwordHash(server)
  for (let n = 0; n < USERS; n += STEP) await addUsers(server, hash, n + 1, n + STEP)
  await settle(server)
  const list = (query) => `/auth/v1/admin/users?${query}`
  const cursors = await someCursors(server, list)
  const pages = spread(100, USERS / 50).reverse()
  const kinds = {
    'pages by number, first ten': Array.from({ length: 10 }, (_, n) => list(`page=${n + 1}&per_page=50`)),
    'pages by number, any depth': pages.map((page) => list(`page=${page}&per_page=50`)),
    'pages by cursor, any depth': cursors.map((cursor) => list(`limit=50&cursor=${encodeURIComponent(cursor)}`)),
    'filter by a part of the address': spread(100, USERS - 100_000).map((n) => list(`filter=${n + 100_000}&per_page=50`)),
    'filter by the beginning of an address': spread(100, USERS - 100_000).map((n) => list(`filter=user${n + 100_000 - 1}&per_page=50`)),
    'exact look-up by address': spread(1000, USERS).map((n) => list(`email=${encodeURIComponent(email(n))}`)),
  }
  for (const [name, paths] of Object.entries(kinds)) {
    const requests = paths.map((path) => ({ path, key: server.keys.SECRET_KEY }))
    for (const request of [requests[0], requests.at(-1)]) {
      const { json, text } = await ask(server, request)
      if (!json?.users?.length) throw new Error(`${request.path} found nobody: ${text}`)
    }
    const one = await load(server, requests, { connections: 1, seconds: SECONDS })
    const many = await load(server, requests, { connections: CONNECTIONS, seconds: SECONDS })
    table.below(`${name}: p99`, one.p99 / 1000, {
      most: 10,
      unit: 'ms',
      beside: `p50 ${(one.p50 / 1000).toFixed(1)} ms, one request at a time; ${many.rate.toFixed(0)} /s over ${CONNECTIONS} connections, p99 ${(many.p99 / 1000).toFixed(1)} ms`,
    })
  }
}

/** Cursors spread over the whole list: those of every so many pages of the largest size. */
async function someCursors(server, list) {
  const cursors = []
  for (let cursor = ''; ; ) {
    const query = `limit=1000${cursor && `&cursor=${encodeURIComponent(cursor)}`}`
    const { json, status, text } = await server.request('GET', list(query), { key: server.keys.SECRET_KEY })
    if (status !== 200) throw new Error(`list: ${status} ${text}`)
    if (!json.pagination.has_more) return cursors
    cursor = json.pagination.next_cursor
    cursors.push(cursor)
  }
}
