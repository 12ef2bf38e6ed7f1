import { useEffect, useRef, useState, type RefObject } from 'react'
import { toApiError, type ApiError } from '../api/client'
import { useApi } from '../api/context'
import { checkSql, runSql, type CheckedStatement, type SqlAnswer } from '../api/sql'
import type { EditorHandle } from './Editor'
import { readHistory, remember, writeHistory, type PastQuery } from './history'
import { errorSpan, sqlErrorDetail } from './position'

/** What stands below the editor. */
export type Outcome =
  | { is: 'nothing' }
  | { is: 'answer'; answer: SqlAnswer; query: string; statements: string[]; run: number }
  | { is: 'error'; error: ApiError; span: { from: number; to: number } | null }
  | { is: 'cancelled' }

export interface Runner {
  running: boolean
  outcome: Outcome
  /** Statements that want a confirmation before anything runs. */
  warned: CheckedStatement[] | null
  history: PastQuery[]
  run: () => Promise<void>
  runAnyway: () => Promise<void>
  dismiss: () => void
  cancel: () => void
  forget: () => void
  showError: () => void
}

interface Request {
  text: string
  from: number
}

/** Checks, asks, runs, keeps history: the work behind the Run button. */
export function useRunner(
  editor: RefObject<EditorHandle | null>,
  options: { limit: number; readOnly: boolean },
): Runner {
  const api = useApi()
  const [running, setRunning] = useState(false)
  const [outcome, setOutcome] = useState<Outcome>({ is: 'nothing' })
  const [held, setHeld] = useState<{ request: Request; statements: CheckedStatement[] } | null>(null)
  const [history, setHistory] = useState(readHistory)
  const abort = useRef<AbortController | null>(null)
  const runs = useRef(0)

  useEffect(() => () => abort.current?.abort(), [])

  async function run() {
    const request = editor.current?.textToRun()
    if (!request || request.text.trim() === '' || running) return
    await guarded(async (signal) => {
      editor.current?.mark(null)
      const statements = await checkSql(api, request.text, signal)
      if (statements.some(({ warnings }) => warnings.length > 0)) setHeld({ request, statements })
      else await execute(request, statements, signal)
    }, request)
  }

  async function runAnyway() {
    if (held === null) return
    const { request, statements } = held
    setHeld(null)
    await guarded((signal) => execute(request, statements, signal), request)
  }

  async function execute({ text }: Request, statements: CheckedStatement[], signal: AbortSignal) {
    keep(text)
    const answer = await runSql(api, { query: text, read_only: options.readOnly, limit: options.limit }, signal)
    runs.current += 1
    setOutcome({
      is: 'answer',
      answer,
      query: text,
      statements: statements.map((statement) => statement.text),
      run: runs.current,
    })
  }

  async function guarded(work: (signal: AbortSignal) => Promise<void>, request: Request) {
    const controller = new AbortController()
    abort.current = controller
    setRunning(true)
    try {
      await work(controller.signal)
    } catch (cause) {
      if (controller.signal.aborted) setOutcome({ is: 'cancelled' })
      else fail(toApiError(cause), request)
    } finally {
      setRunning(false)
    }
  }

  function fail(error: ApiError, { text, from }: Request) {
    const { position } = sqlErrorDetail(error.detail)
    const span = position === null ? null : errorSpan(text, position)
    const placed = span && { from: span.from + from, to: span.to + from }
    editor.current?.mark(placed)
    setOutcome({ is: 'error', error, span: placed })
  }

  function keep(query: string) {
    setHistory((old) => {
      const next = remember(old, query, Date.now())
      writeHistory(next)
      return next
    })
  }

  return {
    running,
    outcome,
    warned: held?.statements ?? null,
    history,
    run,
    runAnyway,
    dismiss: () => setHeld(null),
    cancel: () => abort.current?.abort(),
    forget: () => {
      setHistory([])
      writeHistory([])
    },
    showError: () => {
      if (outcome.is === 'error') editor.current?.mark(outcome.span)
      editor.current?.focus()
    },
  }
}
