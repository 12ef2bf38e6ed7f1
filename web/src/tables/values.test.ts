import { describe, expect, it } from 'vitest'
import type { Column, TableDetail } from '../api/tables'
import { isEditable, keyOf, textOf, valueOf, valueProblem } from './values'

const column = (name: string, primary_key = false): Column => ({
  name,
  type: 'text',
  nullable: true,
  default: null,
  primary_key,
  masked: false,
  generated: false,
  references: null,
  comment: null,
})

const table = (fields: Partial<TableDetail>): TableDetail => ({
  schema: 'public',
  name: 't',
  kind: 'table',
  locked: false,
  rls_enabled: true,
  columns: [column('a', true), column('b', true), column('c')],
  ...fields,
})

it('tells NULL from the empty text', () => {
  expect(textOf(null, 'text')).toBeNull()
  expect(textOf('', 'text')).toBe('')
  expect(textOf(0, 'int4')).toBe('0')
  expect(textOf(false, 'bool')).toBe('false')
  expect(textOf({ a: [1] }, 'jsonb')).toBe('{"a":[1]}')
  expect(textOf(['a'], 'text[]')).toBe('["a"]')
})

it('checks JSON before it is sent', () => {
  expect(valueProblem('{', 'json')).not.toBeNull()
  expect(valueProblem('"x"', 'json')).toBeNull()
  expect(valueProblem('{', 'text')).toBeNull()
})

describe('values', () => {
  it.each([
    ['text', '27'],
    ['text', ''],
    ['text', '[not json'],
    ['int8', '9223372036854775807'],
    ['int4range', '[1,5)'],
    ['text[]', '{a,b}'],
    ['bytea', '\\xdead'],
  ])('of type %s are sent as typed: %j', (type, text) => {
    expect(valueOf(text, type)).toBe(text)
  })

  it('of documents and arrays come back as they were', () => {
    for (const [type, value] of [
      ['jsonb', { a: 1 }],
      ['jsonb', 'a string'],
      ['json', [1, null]],
      ['text[]', ['a,b', '"']],
      ['address', { street: 'x', no: 1 }],
    ] as const) {
      expect(valueOf(textOf(value, type) ?? '', type)).toEqual(value)
    }
  })
})

describe('rows', () => {
  it('are named by the whole primary key', () => {
    expect(keyOf(table({}), { a: 1, b: 'x', c: 2 })).toEqual({ a: 1, b: 'x' })
    expect(keyOf(table({ columns: [column('c')] }), { c: 2 })).toBeNull()
  })

  it('cannot be edited in locked relations, views, and without a key', () => {
    expect(isEditable(table({}))).toBe(true)
    expect(isEditable(table({ locked: true }))).toBe(false)
    expect(isEditable(table({ kind: 'view' }))).toBe(false)
    expect(isEditable(table({ columns: [column('c')] }))).toBe(false)
  })
})
