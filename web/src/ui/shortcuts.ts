/** Keyboard shortcuts of a page: single keys and two-key sequences such as "g u". */
import { useEffect, useRef } from 'react'

/** How long the first key of a sequence is remembered, in milliseconds. */
const SEQUENCE_MS = 900

/** What a key event is called in a shortcut table, or null when it belongs to someone else. */
export function keyName(event: Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'altKey'>): string | null {
  if (event.ctrlKey || event.metaKey || event.altKey) return null
  if (['Shift', 'Control', 'Alt', 'Meta', 'Tab'].includes(event.key)) return null
  return event.key
}

/** The entry of `table` that `key` (after `before`) completes, and what to remember as the next `before`. */
export function matchKey(
  names: readonly string[],
  before: string | null,
  key: string,
): { hit: string | null; before: string | null } {
  if (before !== null && names.includes(`${before} ${key}`)) return { hit: `${before} ${key}`, before: null }
  if (names.includes(key)) return { hit: key, before: null }
  const starts = names.some((name) => name.startsWith(`${key} `))
  return { hit: null, before: starts ? key : null }
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  if (target.isContentEditable || target.matches('input, textarea, select')) return true
  // the SQL editor lives in a shadow tree, whose events arrive with the host as target
  return Boolean(target.shadowRoot)
}

/** Enter on a control is that control's own; arrows are, inside what scrolls or moves by them. */
function belongsTo(target: Element, key: string): boolean {
  if (key === 'Enter') return target.closest('button, a, summary, [data-own-keys]') !== null
  return key.startsWith('Arrow') && target.closest('[data-own-keys]') !== null
}

/** Listens while the component is mounted; silent while a field has the focus or a dialog is open. */
export function useShortcuts(table: Record<string, () => void>, enabled = true): void {
  const latest = useRef(table)
  latest.current = table
  useEffect(() => {
    if (!enabled) return
    let before: string | null = null
    let since = 0
    function onKey(event: KeyboardEvent) {
      if (event.defaultPrevented || isTyping(event.target) || document.querySelector('dialog[open]')) return
      const key = keyName(event)
      if (key === null) return
      const remembered = event.timeStamp - since < SEQUENCE_MS ? before : null
      const match = matchKey(Object.keys(latest.current), remembered, key)
      before = match.before
      since = event.timeStamp
      if (match.hit === null) return
      if (event.target instanceof Element && belongsTo(event.target, key)) return
      event.preventDefault()
      latest.current[match.hit]?.()
    }
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  }, [enabled])
}
