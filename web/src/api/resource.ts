import { useCallback, useEffect, useRef, useState } from 'react'
import { toApiError, type ApiError } from './client'

/** Something that is read from the server once per key. */
export interface Resource<T> {
  data: T | null
  error: ApiError | null
  /** True while the first answer, or a reload, is under way. */
  loading: boolean
  reload: () => void
  /** Replaces the data without asking the server (after a write that answered with the new state). */
  replace: (data: T) => void
}

interface Settled<T> {
  key: string
  data: T | null
  error: ApiError | null
}

/**
 * Loads when `key` changes and on `reload`; a late answer for an old key is dropped.
 * A reload keeps the old data on screen until the new data is there.
 */
export function useResource<T>(key: string, load: (signal: AbortSignal) => Promise<T>): Resource<T> {
  const [settled, setSettled] = useState<Settled<T> | null>(null)
  const [round, setRound] = useState(0)
  const [busy, setBusy] = useState(true)
  const loader = useRef(load)
  loader.current = load

  useEffect(() => {
    const abort = new AbortController()
    setBusy(true)
    loader.current(abort.signal).then(
      (data) => {
        if (abort.signal.aborted) return
        setSettled({ key, data, error: null })
        setBusy(false)
      },
      (cause: unknown) => {
        if (abort.signal.aborted) return
        setSettled((old) => ({ key, data: old?.key === key ? old.data : null, error: toApiError(cause) }))
        setBusy(false)
      },
    )
    return () => abort.abort()
  }, [key, round])

  const reload = useCallback(() => setRound((n) => n + 1), [])
  const replace = useCallback((data: T) => setSettled({ key, data, error: null }), [key])
  const current = settled?.key === key ? settled : null
  return { data: current?.data ?? null, error: current?.error ?? null, loading: busy || current === null, reload, replace }
}

/** One page of a keyset list. */
export interface Page<T, E> {
  items: T[]
  nextCursor: string | null
  extra: E
}

/** A keyset list that grows by `more`. */
export interface Pages<T, E> {
  items: T[]
  /** What came beside the items of the first page (a total, say). */
  extra: E | null
  error: ApiError | null
  /** True while the first page is under way. */
  loading: boolean
  loadingMore: boolean
  hasMore: boolean
  more: () => void
  reload: () => void
  /** Edits the items on screen after a write. */
  edit: (change: (items: T[]) => T[]) => void
}

interface PagesState<T, E> {
  key: string
  items: T[]
  nextCursor: string | null
  extra: E | null
  error: ApiError | null
}

/** Loads the first page when `key` changes and on `reload`, further ones on `more`. */
export function usePages<T, E>(
  key: string,
  load: (cursor: string | null, signal: AbortSignal) => Promise<Page<T, E>>,
): Pages<T, E> {
  const [state, setState] = useState<PagesState<T, E> | null>(null)
  const [round, setRound] = useState(0)
  const [busy, setBusy] = useState<'first' | 'more' | null>('first')
  const loader = useRef(load)
  loader.current = load
  const running = useRef<AbortController | null>(null)

  useEffect(() => {
    const abort = new AbortController()
    running.current?.abort()
    running.current = abort
    setBusy('first')
    loader.current(null, abort.signal).then(
      (page) => {
        if (abort.signal.aborted) return
        setState({ key, items: page.items, nextCursor: page.nextCursor, extra: page.extra, error: null })
        setBusy(null)
      },
      (cause: unknown) => {
        if (abort.signal.aborted) return
        const error = toApiError(cause)
        setState((old) =>
          old?.key === key ? { ...old, error } : { key, items: [], nextCursor: null, extra: null, error },
        )
        setBusy(null)
      },
    )
    return () => abort.abort()
  }, [key, round])

  const current = state?.key === key ? state : null
  const cursor = current?.nextCursor ?? null

  const more = useCallback(() => {
    if (cursor === null || busy !== null) return
    const abort = new AbortController()
    running.current = abort
    setBusy('more')
    loader.current(cursor, abort.signal).then(
      (page) => {
        if (abort.signal.aborted) return
        setState((old) =>
          old?.key === key
            ? { ...old, items: [...old.items, ...page.items], nextCursor: page.nextCursor, error: null }
            : old,
        )
        setBusy(null)
      },
      (cause: unknown) => {
        if (abort.signal.aborted) return
        const error = toApiError(cause)
        setState((old) => (old?.key === key ? { ...old, error } : old))
        setBusy(null)
      },
    )
  }, [key, cursor, busy])

  const reload = useCallback(() => setRound((n) => n + 1), [])
  const edit = useCallback(
    (change: (items: T[]) => T[]) =>
      setState((old) => (old?.key === key ? { ...old, items: change(old.items) } : old)),
    [key],
  )

  return {
    items: current?.items ?? [],
    extra: current?.extra ?? null,
    error: current?.error ?? null,
    loading: current === null || busy === 'first',
    loadingMore: busy === 'more',
    hasMore: cursor !== null,
    more,
    reload,
    edit,
  }
}
