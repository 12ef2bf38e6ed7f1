import { describe, expect, it } from 'vitest'
import { ago, count, duration, isFuture, shortTime } from './time'

const now = Date.parse('2026-11-22T12:00:00Z')

describe('ago', () => {
  it.each([
    ['2026-11-22T11:59:30Z', 'just now'],
    ['2026-11-22T11:57:00Z', '3 min. ago'],
    ['2026-11-21T12:00:00Z', 'yesterday'],
    ['2026-11-25T12:00:00Z', 'in 3 days'],
    ['2024-11-22T12:00:00Z', '2 yr. ago'],
  ])('%s is %s', (text, words) => {
    expect(ago(text, now)).toBe(words)
  })

  it('shows what is no time as it came', () => {
    expect(ago('infinity', now)).toBe('infinity')
    expect(shortTime(null)).toBe('')
  })
})

describe('isFuture', () => {
  it('takes an expired ban for none', () => {
    expect(isFuture('2026-11-22T11:59:59Z', now)).toBe(false)
    expect(isFuture('2026-11-22T12:00:01Z', now)).toBe(true)
    expect(isFuture(null, now)).toBe(false)
  })
})

it('counts and measures', () => {
  expect(count(1, 'row')).toBe('1 row')
  expect(count(12345, 'row')).toBe('12,345 rows')
  expect(count(2, 'entry', 'entries')).toBe('2 entries')
  expect([0.42, 12.4, 1240].map(duration)).toEqual(['0.4 ms', '12 ms', '1.24 s'])
})
