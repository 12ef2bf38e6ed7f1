/** Reading JSON that a person typed: says what is wrong, and where. Pure. */

export type ParsedObject = { ok: true; value: Record<string, unknown> } | { ok: false; message: string }

/** Line and column (from 1) of an offset in `text`. */
export function placeOf(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset)
  const line = before.split('\n').length
  return { line, column: offset - before.lastIndexOf('\n') }
}

/** Where a JSON parser's message says it stopped, or null. Engines word it differently. */
function offsetIn(message: string, text: string): number | null {
  const position = /at position (\d+)/.exec(message)
  if (position?.[1]) return Number(position[1])
  const place = /line (\d+) column (\d+)/.exec(message)
  if (place?.[1] && place[2]) {
    const lines = text.split('\n').slice(0, Number(place[1]) - 1)
    return lines.reduce((sum, line) => sum + line.length + 1, 0) + Number(place[2]) - 1
  }
  if (/end of (JSON|data|input)/i.test(message)) return text.length
  return null
}

/** Takes a JSON object; nothing but blanks counts as the empty one. */
export function parseJsonObject(text: string): ParsedObject {
  if (text.trim() === '') return { ok: true, value: {} }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    const offset = offsetIn(cause instanceof Error ? cause.message : '', text)
    if (offset === null) return { ok: false, message: 'This is not valid JSON.' }
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
