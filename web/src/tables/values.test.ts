import { describe, expect, it } from 'vitest'
import type { Column, TableDetail } from '../api/tables'
import { isEditable, keyOf, textOf, valueProblem } from './values'

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
  expect(textOf(null)).toBeNull()
  expect(textOf('')).toBe('')
  expect([0, false, { a: [1] }].map(textOf)).toEqual(['0', 'false', '{"a":[1]}'])
})

it('checks JSON before it is sent', () => {
  expect(valueProblem('{', 'json')).not.toBeNull()
  expect(valueProblem('"x"', 'json')).toBeNull()
  expect(valueProblem('{', 'text')).toBeNull()
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
