import { expect, it } from 'vitest'
import { KEPT, parseHistory, remember } from './history'

it('keeps the newest first, each text once', () => {
  const list = remember(remember(remember([], 'select 1', 1), 'select 2', 2), ' select 1 ', 3)
  expect(list).toEqual([
    { query: 'select 1', at: 3 },
    { query: 'select 2', at: 2 },
  ])
})

it('forgets the oldest, blanks and giants', () => {
  let list = parseHistory(null)
  for (let n = 0; n < KEPT + 5; n += 1) list = remember(list, `select ${n}`, n)
  expect(list).toHaveLength(KEPT)
  expect(list[0]?.query).toBe(`select ${KEPT + 4}`)
  expect(remember(list, '  ', 0)).toEqual(list)
  expect(remember(list, 'x'.repeat(20_001), 0)).toEqual(list)
})

it('survives what others left in storage', () => {
  expect(parseHistory('{')).toEqual([])
  expect(parseHistory('{"a":1}')).toEqual([])
  expect(parseHistory('[null, {"query": 1}, {"query":"select 1","at":5}]')).toEqual([{ query: 'select 1', at: 5 }])
})
