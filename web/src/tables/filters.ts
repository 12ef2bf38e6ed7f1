/** Filters and sorting of the Table Editor as they stand in the address. Pure. */
import type { Sort } from '../ui/Grid'

export const OPERATORS = [
  { op: 'eq', label: '= equals' },
  { op: 'neq', label: '≠ differs' },
  { op: 'gt', label: '> greater' },
  { op: 'gte', label: '≥ at least' },
  { op: 'lt', label: '< less' },
  { op: 'lte', label: '≤ at most' },
  { op: 'like', label: 'like' },
  { op: 'ilike', label: 'like, any case' },
  { op: 'is', label: 'is' },
  { op: 'in', label: 'one of' },
] as const

export type Operator = (typeof OPERATORS)[number]['op']

export interface Filter {
  column: string
  op: Operator
  value: string
}

const FORM = new RegExp(`^(.+?)\\.(${OPERATORS.map(({ op }) => op).join('|')})\\.(.*)$`, 's')

/** Reads `column.op.value`; null when it is not one. */
export function parseFilter(text: string): Filter | null {
  const match = FORM.exec(text)
  if (!match || match[1] === undefined || match[3] === undefined) return null
  return { column: match[1], op: match[2] as Operator, value: match[3] }
}

export function writeFilter({ column, op, value }: Filter): string {
  return `${column}.${op}.${value}`
}

/** Reads `column.asc` or `column.desc`. */
export function parseSort(text: string | null): Sort | null {
  const match = /^(.+)\.(asc|desc)$/s.exec(text ?? '')
  return match?.[1] ? { column: match[1], descending: match[2] === 'desc' } : null
}

export function writeSort(sort: Sort | null): string | null {
  return sort === null ? null : `${sort.column}.${sort.descending ? 'desc' : 'asc'}`
}

/** A click on a heading: ascending, descending, none. */
export function turnSort(sort: Sort | null, column: string): Sort | null {
  if (sort?.column !== column) return { column, descending: false }
  return sort.descending ? null : { column, descending: true }
}

/** How a filter reads on its chip. */
export function describeFilter({ column, op, value }: Filter): string {
  const sign = { eq: '=', neq: '≠', gt: '>', gte: '≥', lt: '<', lte: '≤', like: 'like', ilike: 'ilike', is: 'is', in: 'in' }
  return `${column} ${sign[op]} ${value === '' ? "''" : value}`
}
