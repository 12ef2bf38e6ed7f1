import { describe, expect, it } from 'vitest'
import { firstMistake, parseJsonObject, placeOf, readable } from './json'

describe('parseJsonObject', () => {
  it('takes an object and keeps the types', () => {
    expect(parseJsonObject('{"age": 27, "tags": ["a"]}')).toEqual({ ok: true, value: { age: 27, tags: ['a'] } })
  })

  it('takes blanks as the empty object', () => {
    expect(parseJsonObject(' \n')).toEqual({ ok: true, value: {} })
  })

  it.each(['[]', '"x"', '3', 'null', 'true'])('refuses %s, which is no object', (text) => {
    expect(parseJsonObject(text)).toMatchObject({ ok: false })
  })

  it('says where the mistake is', () => {
    const parsed = parseJsonObject('{\n  "a": 1,\n  b: 2\n}')
    expect(parsed).toEqual({ ok: false, message: 'Not valid JSON: unexpected b (line 3, column 3).' })
  })

  it.each([
    ['{"a": }', 6],
    ['{"a": 1,}', 8],
    ['{"a" 1}', 5],
    ["{'a': 1}", 1],
    ['{"a": "x\ny"}', 6],
    ['[1 2]', 3],
    ['{"a": 01}', 7],
    ['{"a": nul}', 6],
    ['{} x', 3],
  ])('finds the mistake in %j', (text, offset) => {
    expect(() => JSON.parse(text)).toThrow()
    expect(firstMistake(text)).toBe(offset)
  })

  it.each(['{"a": [1, -2.5e3, {"b": null}], "ü\\u00e9": "\\n"}', ' [] ', '"x"'])('goes through %j', (text) => {
    JSON.parse(text)
    expect(firstMistake(text)).toBe(text.length)
  })

  it('says that the end is missing', () => {
    const parsed = parseJsonObject('{"a": [1, 2')
    expect(parsed.ok ? '' : parsed.message).toContain('line 1, column 12')
  })
})

describe('placeOf', () => {
  it('counts from one', () => {
    expect(placeOf('ab\ncd', 0)).toEqual({ line: 1, column: 1 })
    expect(placeOf('ab\ncd', 4)).toEqual({ line: 2, column: 2 })
  })
})

it('indents JSON for reading, and nothing else', () => {
  expect(readable('{"a":1}', 'jsonb')).toBe('{\n  "a": 1\n}')
  expect(readable('{"a":1}', 'text')).toBe('{"a":1}')
  expect(readable('{broken', 'jsonb')).toBe('{broken')
})
