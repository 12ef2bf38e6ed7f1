/** Times and numbers for reading. Pure but for the browser's language and time zone. */

const shortFormat = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' })
const longFormat = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'long' })
const relativeFormat = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'short' })

function instant(text: string | null | undefined): Date | null {
  if (!text) return null
  const date = new Date(text)
  return Number.isNaN(date.getTime()) ? null : date
}

/** Day and minute in local time; what is no time is shown as it came. */
export function shortTime(text: string | null | undefined): string {
  const date = instant(text)
  return date ? shortFormat.format(date) : (text ?? '')
}

/** Everything there is, for tooltips: local time with zone, and the original. */
export function fullTime(text: string | null | undefined): string {
  const date = instant(text)
  return date ? `${longFormat.format(date)}\n${text}` : (text ?? '')
}

const STEPS: [unit: Intl.RelativeTimeFormatUnit, seconds: number][] = [
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
]

/** "3 hr. ago", "in 2 days"; within a minute "just now". */
export function ago(text: string | null | undefined, now: number = Date.now()): string {
  const date = instant(text)
  if (!date) return text ?? ''
  const seconds = (date.getTime() - now) / 1000
  for (const [unit, size] of STEPS) {
    if (Math.abs(seconds) >= size) return relativeFormat.format(Math.trunc(seconds / size), unit)
  }
  return 'just now'
}

/** Whether a time lies ahead of `now`: an old `banned_until` is no ban. */
export function isFuture(text: string | null | undefined, now: number = Date.now()): boolean {
  const date = instant(text)
  return date !== null && date.getTime() > now
}

const wholeFormat = new Intl.NumberFormat('en')
const compactFormat = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })

/** 12,345 */
export function whole(n: number): string {
  return wholeFormat.format(n)
}

/** 12.3K */
export function compact(n: number): string {
  return compactFormat.format(n)
}

/** "1 row", "2 rows" */
export function count(n: number, one: string, many = `${one}s`): string {
  return `${whole(n)} ${n === 1 ? one : many}`
}

/** A duration for reading: 0.4 ms, 12 ms, 1.24 s. */
export function duration(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)} ms`
  if (ms < 1000) return `${Math.round(ms)} ms`
  return `${(ms / 1000).toFixed(2)} s`
}
