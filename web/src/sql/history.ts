/** The last queries of this browser. */

export interface PastQuery {
  query: string
  /** Milliseconds since 1970. */
  at: number
}

const KEY = 'vestibule.sql.history'
const DRAFT_KEY = 'vestibule.sql.draft'

/** How many queries are kept. */
export const KEPT = 50

/** Longer texts are not kept: local storage is small. */
const LONGEST = 20_000

/** Puts a query in front; the same text is not kept twice. Pure. */
export function remember(list: readonly PastQuery[], query: string, at: number): PastQuery[] {
  const text = query.trim()
  if (text === '' || text.length > LONGEST) return [...list]
  return [{ query: text, at }, ...list.filter((past) => past.query !== text)].slice(0, KEPT)
}

/** Reads what was stored, dropping whatever does not look like a query. Pure. */
export function parseHistory(stored: string | null): PastQuery[] {
  if (stored === null) return []
  try {
    const list: unknown = JSON.parse(stored)
    if (!Array.isArray(list)) return []
    return list.filter(
      (item): item is PastQuery =>
        typeof item === 'object' && item !== null && typeof item.query === 'string' && typeof item.at === 'number',
    )
  } catch {
    return []
  }
}

function read(key: string): string | null {
  try {
    return localStorage.getItem(key)
  } catch {
    return null
  }
}

function write(key: string, value: string): void {
  try {
    localStorage.setItem(key, value)
  } catch {
    // storage full or forbidden: history is a convenience
  }
}

export const readHistory = (): PastQuery[] => parseHistory(read(KEY))
export const writeHistory = (list: readonly PastQuery[]): void => write(KEY, JSON.stringify(list))
export const readDraft = (): string => read(DRAFT_KEY) ?? ''
export const writeDraft = (text: string): void => write(DRAFT_KEY, text.length > LONGEST ? '' : text)
