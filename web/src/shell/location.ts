/** The browser's address bar as a value. Not a router: pages read what they need from it. */
import { useMemo, useSyncExternalStore } from 'react'

const listeners = new Set<() => void>()
const notify = () => listeners.forEach((listener) => listener())

function subscribe(listener: () => void): () => void {
  if (listeners.size === 0) window.addEventListener('popstate', notify)
  listeners.add(listener)
  return () => {
    listeners.delete(listener)
    if (listeners.size === 0) window.removeEventListener('popstate', notify)
  }
}

export interface GoOptions {
  /** Replace the current history entry instead of adding one. */
  replace?: boolean
  /** Handed to the next page, never part of the address. */
  state?: unknown
}

/** Goes to an address of this console. */
export function navigate(to: string, { replace = false, state = null }: GoOptions = {}): void {
  if (replace) window.history.replaceState(state, '', to)
  else window.history.pushState(state, '', to)
  notify()
}

export interface Place {
  path: string
  search: URLSearchParams
}

/** The current path and query; re-renders when either changes. */
export function usePlace(): Place {
  const path = useSyncExternalStore(subscribe, () => window.location.pathname)
  const query = useSyncExternalStore(subscribe, () => window.location.search)
  return useMemo(() => ({ path, search: new URLSearchParams(query) }), [path, query])
}

/** Changes parameters of the current address in place: null removes, an array repeats. */
export function setSearch(changes: Record<string, string | null | readonly string[]>, push = false): void {
  const search = new URLSearchParams(window.location.search)
  for (const [name, value] of Object.entries(changes)) {
    search.delete(name)
    if (value === null || value === '') continue
    if (typeof value === 'string') search.set(name, value)
    else for (const item of value) search.append(name, item)
  }
  const text = search.toString()
  navigate(window.location.pathname + (text === '' ? '' : `?${text}`), { replace: !push })
}
