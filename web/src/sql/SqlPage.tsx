import type { SQLNamespace } from '@codemirror/lang-sql'
import { useEffect, useMemo, useRef, useState } from 'react'
import { useApi } from '../api/context'
import { useResource } from '../api/resource'
import { listSchemas, listTables } from '../api/tables'
import { navigate } from '../shell/location'
import { sqlPath } from '../shell/routes'
import { Button } from '../ui/Button'
import { Keys } from '../ui/Keys'
import { useShortcuts } from '../ui/shortcuts'
import { ago, whole } from '../ui/time'
import { Editor, type EditorHandle } from './Editor'
import { readDraft, writeDraft, type PastQuery } from './history'
import { Results } from './Results'
import { useRunner, type Runner } from './useRunner'
import { WarningsDialog } from './WarningsDialog'
import './sql.css'

const LIMITS = [100, 1000, 10_000]

/** A query that another page hands over travels in the history entry, never in the address. */
function handedOver(): string | null {
  const state: unknown = window.history.state
  if (typeof state !== 'object' || state === null || !('query' in state)) return null
  return typeof state.query === 'string' ? state.query : null
}

/** Write SQL, run it, read the results. */
export default function SqlPage() {
  const editor = useRef<EditorHandle>(null)
  const [initial] = useState(() => handedOver() ?? readDraft())
  const [limit, setLimit] = useState(1000)
  const [readOnly, setReadOnly] = useState(false)
  const [showHistory, setShowHistory] = useState(false)
  const runner = useRunner(editor, { limit, readOnly })
  const names = useNames()

  useEffect(() => {
    document.title = 'SQL Editor · Vestibule'
    if (handedOver() !== null) {
      writeDraft(handedOver() ?? '')
      navigate(sqlPath(), { replace: true })
    }
  }, [])

  useShortcuts({ Escape: () => setShowHistory(false) })

  return (
    <div className="sql">
      <div className="page-head">
        <h1>SQL Editor</h1>
        <div className="page-tools">
          <label className="inline-check">
            <input type="checkbox" checked={readOnly} onChange={(event) => setReadOnly(event.target.checked)} />
            Read-only
          </label>
          <label className="inline-select">
            <span className="muted">Limit</span>
            <span className="select">
              <select aria-label="Row limit" value={limit} onChange={(event) => setLimit(Number(event.target.value))}>
                {LIMITS.map((rows) => (
                  <option key={rows} value={rows}>
                    {whole(rows)}
                  </option>
                ))}
              </select>
            </span>
          </label>
          <Button icon="history" className="tight" aria-expanded={showHistory} onClick={() => setShowHistory(!showHistory)}>
            History
          </Button>
          {runner.running ? (
            <Button icon="stop" className="run-button" onClick={runner.cancel}>
              Cancel
            </Button>
          ) : (
            <Button
              look="primary"
              icon="play"
              className="run-button"
              aria-label="Run"
              title="Run all, or the selection"
              onClick={() => void runner.run()}
            >
              Run
              <Keys keys="Mod+Enter" />
            </Button>
          )}
        </div>
      </div>
      <div className="sql-body">
        <div className="sql-work">
          <Editor handle={editor} initial={initial} names={names} onChange={writeDraft} onRun={() => void runner.run()} />
          <Results runner={runner} />
        </div>
        {showHistory && (
          <HistoryPanel
            runner={runner}
            onPick={(past) => {
              editor.current?.setText(past.query)
              setShowHistory(false)
            }}
          />
        )}
      </div>
      {runner.warned && (
        <WarningsDialog statements={runner.warned} onClose={runner.dismiss} onRun={() => void runner.runAnyway()} />
      )}
    </div>
  )
}

function HistoryPanel({ runner, onPick }: { runner: Runner; onPick: (past: PastQuery) => void }) {
  return (
    <aside className="sql-history" aria-label="History">
      <div className="sql-history-head">
        <h2>Last queries in this browser</h2>
        {runner.history.length > 0 && (
          <Button look="ghost" onClick={runner.forget}>
            Clear
          </Button>
        )}
      </div>
      {runner.history.length === 0 ? (
        <p className="muted">Queries you run are listed here.</p>
      ) : (
        <ul>
          {runner.history.map((past) => (
            <li key={past.at + past.query}>
              <button type="button" onClick={() => onPick(past)} title={past.query}>
                <code>{past.query.replace(/\s+/g, ' ').slice(0, 180)}</code>
                <span className="faint small">{ago(new Date(past.at).toISOString())}</span>
              </button>
            </li>
          ))}
        </ul>
      )}
    </aside>
  )
}

/** Schemas whose names the editor completes. */
const COMPLETED = 8

/** Table names by schema, for completion; without them the editor only lacks completion. */
function useNames(): SQLNamespace {
  const api = useApi()
  const found = useResource('sql names', async (signal) => {
    const schemas = (await listSchemas(api, signal)).slice(0, COMPLETED)
    const tables = await Promise.all(schemas.map(({ name }) => listTables(api, name, signal)))
    return schemas.map(({ name }, index) => [name, (tables[index] ?? []).map((table) => table.name)] as const)
  })
  return useMemo(
    () =>
      Object.fromEntries(
        (found.data ?? []).map(([schema, tables]) => [schema, Object.fromEntries(tables.map((table) => [table, []]))]),
      ),
    [found.data],
  )
}
