import { describe, expect, it } from 'vitest'
import { cellText, columnWidth, isNumeric, ROW_HEIGHT, shortType, visibleRows } from './gridMath'

describe('visibleRows', () => {
  it('draws what is in view and a little more', () => {
    expect(visibleRows(0, 300, 1000)).toEqual({ from: 0, to: 22 })
    expect(visibleRows(100 * ROW_HEIGHT, 300, 1000)).toEqual({ from: 88, to: 122 })
  })

  it('never leaves the rows there are', () => {
    expect(visibleRows(999_999, 300, 5)).toEqual({ from: 4, to: 5 })
    expect(visibleRows(0, 300, 0)).toEqual({ from: 0, to: 0 })
  })
})

it('keeps column widths within reason', () => {
  expect(columnWidth(2, ['1', null])).toBe(Math.round(6 * 7.4) + 26)
  expect(columnWidth(2, ['x'.repeat(5000)])).toBe(Math.round(38 * 7.4) + 26)
})

it('cuts long values', () => {
  expect(cellText('x'.repeat(161))).toHaveLength(161)
  expect(cellText('x'.repeat(161)).endsWith('…')).toBe(true)
  expect(cellText('short')).toBe('short')
})

it.each([
  ['timestamp with time zone', 'timestamptz'],
  ['timestamp(3) without time zone', 'timestamp(3)'],
  ['character varying(255)[]', 'varchar(255)[]'],
  ['character(3)', 'char(3)'],
  ['uuid', 'uuid'],
  ['character_set', 'character_set'],
])('shortens %s to %s', (long, short) => {
  expect(shortType(long)).toBe(short)
})

it('knows numbers', () => {
  expect(['int4', 'bigint', 'numeric(10,2)', 'double precision'].every(isNumeric)).toBe(true)
  expect(['text', 'uuid', 'interval', 'jsonb'].some(isNumeric)).toBe(false)
})
