import { useId, useState } from 'react'
import type { Resource } from '../api/resource'
import type { SchemaSummary, TableSummary } from '../api/tables'
import { Link } from '../shell/Link'
import { advicePath, tablesPath } from '../shell/routes'
import { ErrorPanel } from '../ui/ErrorPanel'
import { Icon } from '../ui/Icon'
import { Spinner } from '../ui/Spinner'
import { compact, whole } from '../ui/time'
import { headline, type Advice } from './advice'

interface BrowserProps {
  schemas: SchemaSummary[] | null
  schema: string | null
  table: string | null
  tables: Resource<TableSummary[]>
  /** Null while it is not known. */
  advice: Advice[] | null
  /** The advice is what stands beside the list. */
  advising: boolean
  onSchema: (name: string) => void
}

/** The list of relations in one schema. */
export function Browser({ schemas, schema, table, tables, advice, advising, onSchema }: BrowserProps) {
  const id = useId()
  const [text, setText] = useState('')
  const known = schemas?.some(({ name }) => name === schema) ?? false
  const locked = schemas?.find(({ name }) => name === schema)?.locked ?? false
  const found = (tables.data ?? []).filter(({ name }) => name.toLowerCase().includes(text.trim().toLowerCase()))

  return (
    <aside className="browser" aria-label="Tables">
      <div className="browser-head">
        <label htmlFor={`${id}-schema`}>Schema</label>
        <div className="select">
          <select id={`${id}-schema`} value={schema ?? ''} onChange={(event) => onSchema(event.target.value)}>
            {!known && schema !== null && <option value={schema}>{schema}</option>}
            {(schemas ?? []).map((item) => (
              <option key={item.name} value={item.name}>
                {item.name}
                {item.locked ? ' (read-only)' : ''}
              </option>
            ))}
          </select>
          <Icon name="down" />
        </div>
        <div className="search">
          <Icon name="search" />
          <input
            type="search"
            aria-label="Find a table"
            placeholder="Find a table"
            value={text}
            spellCheck={false}
            onChange={(event) => setText(event.target.value)}
          />
        </div>
      </div>
      {tables.error && tables.data === null ? (
        <ErrorPanel title="The tables could not be loaded" error={tables.error} onRetry={tables.reload} />
      ) : tables.data === null ? (
        <div className="fill-center">
          <Spinner label="Loading the tables" />
        </div>
      ) : found.length === 0 ? (
        <p className="browser-none muted">
          {text !== '' ? `No table named “${text}”.` : locked ? 'Nothing here.' : 'No tables yet. Create one in the SQL Editor.'}
        </p>
      ) : (
        <ul className="browser-list">
          {found.map((item) => (
            <li key={item.name}>
              <Entry item={item} schema={schema ?? ''} current={item.name === table} />
            </li>
          ))}
        </ul>
      )}
      <AdviceLink advice={advice ?? []} current={advising} />
    </aside>
  )
}

/** The way to the security advice; it stands out when something is open. */
function AdviceLink({ advice, current }: { advice: Advice[]; current: boolean }) {
  const line = headline(advice)
  return (
    <Link
      to={advicePath()}
      className={`browser-advice ${line === null ? '' : 'warn'}`}
      aria-current={current ? 'page' : undefined}
    >
      <Icon name={line === null ? 'info' : 'warn'} />
      <span className="grow">
        {line !== null && <strong>{line}</strong>}
        <span>Security advice</span>
      </span>
      {line === null && advice.length > 0 && <span className="faint small">{advice.length}</span>}
    </Link>
  )
}

function Entry({ item, schema, current }: { item: TableSummary; schema: string; current: boolean }) {
  const rows = item.row_estimate
  return (
    <Link
      to={tablesPath(schema, item.name)}
      className="browser-entry"
      aria-current={current ? 'page' : undefined}
      title={[item.name, item.comment].filter(Boolean).join('\n')}
    >
      <Icon name={item.locked ? 'lock' : 'table'} />
      <span className="cut grow">{item.name}</span>
      {item.kind !== 'table' && <span className="badge plain">{shortKind(item.kind)}</span>}
      {isOpenToAll(item) && (
        <span className="badge warn" title="Row level security is off: whoever has the grants reads every row">
          RLS off
        </span>
      )}
      {rows !== null && rows >= 0 && (
        <span className="faint small" title={`about ${whole(rows)} rows`}>
          {compact(rows)}
        </span>
      )}
    </Link>
  )
}

/** A table that the data API can show to everyone with the grants. */
export function isOpenToAll(item: { rls_enabled: boolean | null; locked: boolean }): boolean {
  return item.rls_enabled === false && !item.locked
}

function shortKind(kind: TableSummary['kind']): string {
  return { table: 'table', view: 'view', 'materialized view': 'mat. view', 'foreign table': 'foreign', 'partitioned table': 'parts' }[kind]
}
