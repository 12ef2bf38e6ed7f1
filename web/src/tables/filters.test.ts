import { describe, expect, it } from 'vitest'
import { describeFilter, parseFilter, parseSort, turnSort, writeFilter, writeSort } from './filters'

describe('filters', () => {
  it('come back as they were written', () => {
    for (const filter of [
      { column: 'email', op: 'ilike', value: '%@b.c' },
      { column: 'owner id', op: 'eq', value: '' },
      { column: 'note', op: 'eq', value: 'a.eq.b\nline' },
      { column: 'is_sso', op: 'is', value: 'null' },
    ] as const) {
      expect(parseFilter(writeFilter(filter))).toEqual(filter)
    }
  })

  it.each(['', 'email', 'email.eq', 'email.near.x', '.eq.x'])('refuses %j', (text) => {
    expect(parseFilter(text)).toBeNull()
  })

  it('are read by people', () => {
    expect(describeFilter({ column: 'age', op: 'gte', value: '18' })).toBe('age ≥ 18')
    expect(describeFilter({ column: 'name', op: 'eq', value: '' })).toBe("name = ''")
  })
})

describe('sorting', () => {
  it('turns through ascending, descending and none', () => {
    const first = turnSort(null, 'id')
    const second = turnSort(first, 'id')
    expect([first, second, turnSort(second, 'id')].map(writeSort)).toEqual(['id.asc', 'id.desc', null])
    expect(writeSort(turnSort(second, 'name'))).toBe('name.asc')
  })

  it('reads names with dots', () => {
    expect(parseSort('a.b.desc')).toEqual({ column: 'a.b', descending: true })
    expect(parseSort('a.up')).toBeNull()
    expect(parseSort(null)).toBeNull()
  })
})
