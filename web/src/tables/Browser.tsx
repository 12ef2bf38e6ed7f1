import { useId, useState } from 'react'
import type { Resource } from '../api/resource'
import type { SchemaSummary, TableSummary } from '../api/tables'
import { Link } from '../shell/Link'
import { tablesPath } from '../shell/routes'
import { ErrorPanel } from '../ui/ErrorPanel'
import { Icon } from '../ui/Icon'
import { Spinner } from '../ui/Spinner'
import { compact, whole } from '../ui/time'

interface BrowserProps {
  schemas: SchemaSummary[] | null
  schema: string | null
  table: string | null
  tables: Resource<TableSummary[]>
  onSchema: (name: string) => void
}

/** The list of relations in one schema. */
export function Browser({ schemas, schema, table, tables, onSchema }: BrowserProps) {
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
    </aside>
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
