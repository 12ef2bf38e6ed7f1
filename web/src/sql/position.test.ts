import { describe, expect, it } from 'vitest'
import { errorSpan, offsetOfCharacter, sqlErrorDetail } from './position'

describe('offsetOfCharacter', () => {
  it('counts characters as the database does', () => {
    expect(offsetOfCharacter('select 1', 8)).toBe(7)
    expect(offsetOfCharacter("select '😀', x", 12)).toBe(12)
    expect(offsetOfCharacter('abc', 99)).toBe(3)
  })
})

describe('errorSpan', () => {
  it('marks the word at the mistake', () => {
    const text = 'select * form films'
    expect(errorSpan(text, 10)).toEqual({ from: 9, to: 13 })
    expect(text.slice(9, 13)).toBe('form')
  })

  it('marks one character of punctuation, and the last one at the end', () => {
    expect(errorSpan('select ,', 8)).toEqual({ from: 7, to: 8 })
    expect(errorSpan('select', 7)).toEqual({ from: 5, to: 6 })
    expect(errorSpan('', 1)).toEqual({ from: 0, to: 0 })
  })
})

it('reads whatever detail there is', () => {
  expect(sqlErrorDetail(null).sqlstate).toBeNull()
  expect(sqlErrorDetail({ sqlstate: '42601', position: 10, line: 0, where: '' })).toEqual({
    sqlstate: '42601',
    position: 10,
    line: null,
    column: null,
    where: null,
    detail: null,
  })
})
