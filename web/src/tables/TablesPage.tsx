import { useEffect } from 'react'
import { listLints } from '../api/advisors'
import { useApi } from '../api/context'
import { useResource } from '../api/resource'
import { listSchemas, listTables } from '../api/tables'
import { navigate } from '../shell/location'
import { tablesPath } from '../shell/routes'
import { ErrorPanel } from '../ui/ErrorPanel'
import { Icon } from '../ui/Icon'
import { advise } from './advice'
import { AdvicePage } from './AdvicePage'
import { Browser } from './Browser'
import { TableView } from './TableView'
import './tables.css'

interface TablesPageProps {
  schema: string | null
  table: string | null
  /** The security advice stands where the rows of a table would. */
  advising?: boolean
}

/** Schemas and tables at the left, the rows of one at the right. */
export default function TablesPage({ schema, table, advising = false }: TablesPageProps) {
  const api = useApi()
  const schemas = useResource('schemas', (signal) => listSchemas(api, signal))
  const shown = schema ?? firstSchema(schemas.data?.map(({ name }) => name) ?? [])
  const tables = useResource(`tables ${shown ?? ''}`, (signal) =>
    shown === null ? Promise.resolve([]) : listTables(api, shown, signal),
  )

  const advice = useResource('advice', async (signal) => advise(await listLints(api, signal)))

  useEffect(() => {
    if (!advising) document.title = table === null ? 'Table Editor · Vestibule' : `${table} · Vestibule`
  }, [table, advising])

  if (schemas.error && schemas.data === null)
    return <ErrorPanel title="The schemas could not be loaded" error={schemas.error} onRetry={schemas.reload} />

  return (
    <div className={`tables ${table !== null || advising ? 'with-table' : ''}`}>
      <Browser
        schemas={schemas.data}
        schema={shown}
        table={table}
        tables={tables}
        advice={advice.data}
        advising={advising}
        onSchema={(name) => navigate(tablesPath(name))}
      />
      <div className="tables-main">
        {advising ? (
          <AdvicePage advice={advice} />
        ) : shown !== null && table !== null ? (
          <TableView key={`${shown}\u0000${table}`} schema={shown} table={table} />
        ) : (
          <div className="empty tables-none">
            <span className="empty-icon">
              <Icon name="table" />
            </span>
            <h2>Choose a table</h2>
            <p className="muted">Its rows appear here. The schemas auth and storage can be read, not changed.</p>
          </div>
        )}
      </div>
    </div>
  )
}

/** The schema to start with: public where there is one. */
function firstSchema(names: string[]): string | null {
  return names.includes('public') ? 'public' : (names[0] ?? null)
}
