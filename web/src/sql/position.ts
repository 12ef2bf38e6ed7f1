/** Where in the editor's text the database says the mistake is. Pure. */
import type { SqlErrorDetail } from '../api/sql'

/** The offset, in UTF-16 units, of the n-th character (from 1) of `text`; past the end it is the end. */
export function offsetOfCharacter(text: string, position: number): number {
  let offset = 0
  for (let n = 1; n < position && offset < text.length; n += 1) {
    offset += (text.codePointAt(offset) ?? 0) > 0xffff ? 2 : 1
  }
  return offset
}

/** The span to mark: the word at the mistake, or one character. */
export function errorSpan(text: string, position: number): { from: number; to: number } {
  const at = Math.min(offsetOfCharacter(text, position), Math.max(0, text.length - 1))
  const word = /^[\p{L}\p{N}_$]+/u.exec(text.slice(at))
  return { from: at, to: Math.min(text.length, at + Math.max(1, word?.[0].length ?? 1)) }
}

/** Reads `detail` of a `sql_error`; what is missing is null. */
export function sqlErrorDetail(detail: unknown): SqlErrorDetail {
  const from = typeof detail === 'object' && detail !== null ? (detail as Record<string, unknown>) : {}
  const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : null)
  const number = (value: unknown) => (typeof value === 'number' && value > 0 ? value : null)
  return {
    sqlstate: text(from['sqlstate']),
    position: number(from['position']),
    line: number(from['line']),
    column: number(from['column']),
    where: text(from['where']),
    detail: text(from['detail']),
  }
}
