import { useState } from 'react'
import type { ApiError } from '../api/client'
import type { SqlAnswer, SqlResult } from '../api/sql'
import { Button } from '../ui/Button'
import { CopyButton } from '../ui/Copy'
import { Dialog } from '../ui/Dialog'
import { Grid } from '../ui/Grid'
import { Icon } from '../ui/Icon'
import { pretty, readable } from '../ui/json'
import { Keys } from '../ui/Keys'
import { Notice } from '../ui/Notice'
import { Spinner } from '../ui/Spinner'
import { count, duration } from '../ui/time'
import { ExportButton } from './ExportButton'
import { sqlErrorDetail } from './position'
import type { Runner } from './useRunner'

/** Everything below the editor. */
export function Results({ runner }: { runner: Runner }) {
  const { outcome, running } = runner
  return (
    <section className="results" aria-label="Results" aria-busy={running}>
      {running ? (
        <div className="fill-center">
          <Spinner label="Running" />
        </div>
      ) : (
        shown()
      )}
    </section>
  )

  function shown() {
    switch (outcome.is) {
      case 'nothing':
        return (
          <div className="empty">
            <p className="muted">
              <Keys keys="Mod+Enter" /> runs everything, or the selection when there is one.
            </p>
          </div>
        )
      case 'cancelled':
        return (
          <div className="empty">
            <p className="muted">Cancelled. The statement may still have taken effect.</p>
          </div>
        )
      case 'error':
        return <Failure error={outcome.error} located={outcome.span !== null} onShow={runner.showError} />
      case 'answer':
        return (
          <Answer key={outcome.run} answer={outcome.answer} query={outcome.query} statements={outcome.statements} />
        )
    }
  }
}

interface AnswerProps {
  answer: SqlAnswer
  query: string
  statements: string[]
}

function Answer({ answer, query, statements }: AnswerProps) {
  const { results, notices } = answer
  const lastWithRows = results.findLastIndex((result) => result.columns.length > 0)
  const [picked, setPicked] = useState(lastWithRows === -1 ? results.length - 1 : lastWithRows)
  const result = results[picked]
  // each result belongs to one statement; only then can it be exported by itself
  const own = statements.length === results.length ? statements[picked] : undefined

  return (
    <>
      <div className="results-head">
        {results.length > 1 ? (
          <div className="result-tabs" role="tablist" aria-label="Results">
            {results.map((item, index) => (
              <button
                key={index}
                type="button"
                role="tab"
                className="tab"
                aria-selected={index === picked}
                onClick={() => setPicked(index)}
              >
                {index + 1} {item.command}
              </button>
            ))}
          </div>
        ) : (
          <span className="muted">{result?.command}</span>
        )}
        {result && (
          <span className="muted count" role="status">
            {summary(result)}
          </span>
        )}
        {result && result.columns.length > 0 && (
          <span className="results-tools">
            <CopyButton text={asJson(result)} label="Copy the shown rows as JSON">
              Copy JSON
            </CopyButton>
            <ExportButton query={own ?? query} />
          </span>
        )}
      </div>
      {result?.truncated && (
        <p className="truncated">
          <Icon name="info" /> The first {count(result.rows.length, 'row')} are shown. Export CSV gives all of them.
        </p>
      )}
      {notices.length > 0 && (
        <div className="notices" role="log" aria-label="Notices">
          {notices.map((notice, index) => (
            <p key={index}>{notice}</p>
          ))}
        </div>
      )}
      {result && result.columns.length > 0 ? (
        <ResultGrid key={picked} result={result} />
      ) : (
        <div className="empty">
          <span className="empty-icon">
            <Icon name="check" />
          </span>
          <p>{result ? `${result.command} is done.` : 'Nothing to run.'}</p>
        </div>
      )}
    </>
  )
}

/** Commands that read or change rows, also when it was none. */
const ABOUT_ROWS = /^(INSERT|UPDATE|DELETE|MERGE|COPY|FETCH|MOVE)/

/** "12 rows · 3.1 ms"; for changes the number of rows changed. */
function summary(result: SqlResult): string {
  const time = duration(result.duration_ms)
  const isAboutRows = result.columns.length > 0 || result.row_count > 0 || ABOUT_ROWS.test(result.command)
  return isAboutRows ? `${count(result.row_count, 'row')} · ${time}` : time
}

function asJson(result: SqlResult): string {
  const names = result.columns.map(({ name }) => name)
  return pretty(result.rows.map((row) => Object.fromEntries(names.map((name, index) => [name, row[index] ?? null]))))
}

function ResultGrid({ result }: { result: SqlResult }) {
  const [opened, setOpened] = useState<{ row: number; column: number } | null>(null)
  const column = opened && result.columns[opened.column]
  const value = opened ? (result.rows[opened.row]?.[opened.column] ?? null) : null
  return (
    <>
      <Grid
        label="Result rows"
        columns={result.columns}
        rowCount={result.rows.length}
        cell={(row, index) => result.rows[row]?.[index] ?? null}
        onOpen={(row, index) => setOpened({ row, column: index })}
        foot={
          result.rows.length === 0 ? (
            <div className="empty grid-foot">
              <p className="muted">No rows.</p>
            </div>
          ) : null
        }
      />
      {opened && column && (
        <Dialog
          title={column.name}
          wide
          onClose={() => setOpened(null)}
          foot={
            <>
              {value !== null && (
                <CopyButton text={value} label="Copy value">
                  Copy
                </CopyButton>
              )}
              <Button onClick={() => setOpened(null)}>Done</Button>
            </>
          }
        >
          <p className="muted small">
            <code>{column.type}</code>
            {value !== null && ` · ${count([...value].length, 'character')}`}
          </p>
          {value === null ? (
            <p>
              <span className="null">NULL</span>
            </p>
          ) : (
            <pre className="code-block" tabIndex={0} aria-label="Value">
              {readable(value, column.type)}
            </pre>
          )}
        </Dialog>
      )}
    </>
  )
}

interface FailureProps {
  error: ApiError
  located: boolean
  onShow: () => void
}

function Failure({ error, located, onShow }: FailureProps) {
  const detail = sqlErrorDetail(error.detail)
  const place = detail.line === null ? null : `Line ${detail.line}${detail.column === null ? '' : `, column ${detail.column}`}`
  return (
    <div className="failure">
      <Notice tone="danger" alert title={error.message}>
        {detail.detail && <p>{detail.detail}</p>}
        {error.hint && (
          <p>
            <strong>Hint:</strong> {error.hint}
          </p>
        )}
        {detail.where && <pre className="cause">{detail.where}</pre>}
        <p className="small">
          {place && <>{place} · </>}
          {detail.sqlstate ? (
            <>
              SQLSTATE <code>{detail.sqlstate}</code>
            </>
          ) : (
            <code>{error.code}</code>
          )}
        </p>
        {located && (
          <div className="notice-tools">
            <Button onClick={onShow}>Show in the query</Button>
          </div>
        )}
      </Notice>
    </div>
  )
}
