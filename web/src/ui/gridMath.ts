/** Sizes of the data grid. Pure. */

/** Height of a row, in pixels; the style sheet uses the same number. */
export const ROW_HEIGHT = 30

/** Rows drawn beyond each edge of the view. */
const OVERSCAN = 12

/** Which rows to draw for a scroll position: `from` up to, not including, `to`. */
export function visibleRows(scrollTop: number, viewHeight: number, rows: number): { from: number; to: number } {
  const first = Math.floor(scrollTop / ROW_HEIGHT) - OVERSCAN
  const from = Math.max(0, Math.min(first, rows - 1))
  const to = Math.min(rows, Math.ceil((scrollTop + viewHeight) / ROW_HEIGHT) + OVERSCAN)
  return { from, to: Math.max(from, to) }
}

/** Width of a column, in pixels, from its heading and the first values. */
export function columnWidth(heading: number, values: readonly (string | null)[]): number {
  const longest = values.reduce((max, value) => Math.max(max, value === null ? 4 : Math.min(value.length, 60)), heading)
  return Math.round(Math.min(Math.max(longest, 6), 38) * 7.4) + 26
}

/** Longer values are cut in the grid; the cell viewer shows all. */
export const CELL_CHARACTERS = 160

/** What a cell shows of a value. */
export function cellText(value: string): string {
  return value.length > CELL_CHARACTERS ? `${value.slice(0, CELL_CHARACTERS)}…` : value
}

const SHORT_TYPES: [long: RegExp, short: string][] = [
  [/^timestamp(\(\d\))? with time zone/, 'timestamptz$1'],
  [/^timestamp(\(\d\))? without time zone/, 'timestamp$1'],
  [/^time(\(\d\))? with time zone/, 'timetz$1'],
  [/^time(\(\d\))? without time zone/, 'time$1'],
  [/^character varying/, 'varchar'],
  [/^character(?=\(|\[|$)/, 'char'],
  [/^double precision/, 'float8'],
  [/^bit varying/, 'varbit'],
]

/** A type's common short name, where the standard's is long. */
export function shortType(type: string): string {
  for (const [long, short] of SHORT_TYPES) if (long.test(type)) return type.replace(long, short)
  return type
}

/** Types whose values read better from the right. */
export function isNumeric(type: string): boolean {
  return /^(int[248]?|smallint|bigint|integer|numeric|decimal|real|double precision|float[48]?|oid|money)(\(|$)/.test(type)
}
