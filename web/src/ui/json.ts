/** Reading JSON that a person typed: says what is wrong, and where. Pure. */

export type ParsedObject = { ok: true; value: Record<string, unknown> } | { ok: false; message: string }

/** Line and column (from 1) of an offset in `text`. */
export function placeOf(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset)
  const line = before.split('\n').length
  return { line, column: offset - before.lastIndexOf('\n') }
}

const LITERAL = /(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)/y
const TEXT = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y

/** Where `text` stops being JSON. Engines tell it in different words, or not at all, so it is found here. */
export function firstMistake(text: string): number {
  let at = 0
  const blanks = () => {
    while (' \t\n\r'.includes(text.charAt(at)) && at < text.length) at += 1
  }
  const match = (form: RegExp) => {
    form.lastIndex = at
    const found = form.exec(text)
    if (found) at += found[0].length
    return found !== null
  }
  const take = (character: string) => {
    blanks()
    if (text.charAt(at) !== character) return false
    at += 1
    return true
  }
  // each reads one construct and is false, with `at` at the mistake, when there is none
  const list = (end: string, item: () => boolean): boolean => {
    if (take(end)) return true
    do if (!item()) return false
    while (take(','))
    return take(end)
  }
  const key = () => {
    blanks()
    return match(TEXT) && take(':') && value()
  }
  const value = (): boolean => {
    blanks()
    if (take('{')) return list('}', key)
    if (take('[')) return list(']', value)
    return match(TEXT) || match(LITERAL)
  }
  if (value()) blanks()
  return at
}

/** Takes a JSON object; nothing but blanks counts as the empty one. */
export function parseJsonObject(text: string): ParsedObject {
  if (text.trim() === '') return { ok: true, value: {} }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    const offset = firstMistake(text)
    const { line, column } = placeOf(text, offset)
    const found = text[offset]
    const what = found === undefined ? 'it ends too early' : `unexpected ${found === '\n' ? 'end of line' : found}`
    return { ok: false, message: `Not valid JSON: ${what} (line ${line}, column ${column}).` }
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { ok: false, message: 'This must be a JSON object, such as {"plan": "pro"}.' }
  return { ok: true, value: value as Record<string, unknown> }
}

/** JSON for reading: two blanks of indent. */
export function pretty(value: unknown): string {
  return JSON.stringify(value, null, 2) ?? 'null'
}

/** Whether a column of this type holds JSON. */
export function isJson(type: string): boolean {
  return type === 'json' || type === 'jsonb'
}

/** A column's value for the cell viewer: JSON is indented, everything else stays as it is. */
export function readable(text: string, type: string): string {
  if (!isJson(type)) return text
  try {
    return pretty(JSON.parse(text))
  } catch {
    return text
  }
}
