import { useState } from 'react'
import { useMay } from '../api/access'
import { useApi } from '../api/context'
import { toApiError } from '../api/client'
import { usePages, useResource } from '../api/resource'
import { deleteRows, fetchTable, listRows, tableCsv, type Column, type TableDetail } from '../api/tables'
import { Link } from '../shell/Link'
import { setSearch, usePlace } from '../shell/location'
import { tablesPath } from '../shell/routes'
import { Button } from '../ui/Button'
import { ErrorPanel } from '../ui/ErrorPanel'
import { Icon } from '../ui/Icon'
import { useShortcuts } from '../ui/shortcuts'
import { Spinner } from '../ui/Spinner'
import { count, whole } from '../ui/time'
import { useToast } from '../ui/Toasts'
import { Banner } from './Banner'
import { isOpenToAll } from './Browser'
import { CellDialog } from './CellDialog'
import { Columns } from './Columns'
import { DeleteRows } from './DeleteRows'
import { FilterBar } from './FilterBar'
import { parseFilter, parseSort, turnSort, writeFilter, writeSort, type Filter } from './filters'
import { InsertDialog } from './InsertDialog'
import { Rows } from './Rows'
import { isEditable, isWritable, keyOf } from './values'

const PAGE_SIZE = 100

interface TableViewProps {
  schema: string
  table: string
}

/** One relation: first its columns are read, then its rows. */
export function TableView({ schema, table }: TableViewProps) {
  const api = useApi()
  const detail = useResource(`table ${schema} ${table}`, (signal) => fetchTable(api, schema, table, signal))
  if (detail.data) return <Loaded detail={detail.data} onReload={detail.reload} />
  return (
    <>
      <div className="page-head">
        <BackLink schema={schema} />
        <h1 className="cut">{table}</h1>
      </div>
      {detail.error ? (
        <ErrorPanel
          title={detail.error.status === 404 ? 'There is no such table' : 'The table could not be loaded'}
          error={detail.error}
          onRetry={detail.reload}
        />
      ) : (
        <div className="fill-center">
          <Spinner label="Loading the table" />
        </div>
      )}
    </>
  )
}

function BackLink({ schema }: { schema: string }) {
  return (
    <Link className="icon-button tables-back" to={tablesPath(schema)} aria-label="All tables">
      <Icon name="back" />
    </Link>
  )
}

function Loaded({ detail, onReload }: { detail: TableDetail; onReload: () => void }) {
  const api = useApi()
  const toast = useToast()
  const { search } = usePlace()
  const order = search.get('order')
  const filterTexts = search.getAll('filter')
  const filters = filterTexts.map(parseFilter).filter((filter): filter is Filter => filter !== null)
  const structure = search.get('view') === 'columns'
  const sort = parseSort(order)
  const place = { schema: detail.schema, table: detail.name }
  const rows = usePages(JSON.stringify([place, order, filterTexts]), (cursor, signal) =>
    listRows(api, place, { order, filters: filterTexts, cursor, limit: PAGE_SIZE }, signal),
  )
  const [filtering, setFiltering] = useState(false)
  const [selected, setSelected] = useState<ReadonlySet<number>>(new Set())
  const [opened, setOpened] = useState<{ row: number; column: Column } | null>(null)
  const [dialog, setDialog] = useState<'insert' | 'delete' | null>(null)
  const editable = useMay('write tables') && isEditable(detail)

  useShortcuts({
    f: () => setFiltering(true),
    r: reload,
    ...(editable && { n: () => setDialog('insert') }),
  })

  function reload() {
    setSelected(new Set())
    onReload()
    rows.reload()
  }

  function setFilters(next: Filter[]) {
    setSelected(new Set())
    setSearch({ filter: next.map(writeFilter) })
  }

  async function removeSelected() {
    const keys = [...selected].flatMap((index) => {
      const row = rows.items[index]
      const key = row ? keyOf(detail, row) : null
      return key ? [key] : []
    })
    try {
      const deleted = await deleteRows(api, detail.schema, detail.name, keys)
      toast.say(`${count(deleted, 'row')} deleted`)
      reload()
    } catch (cause) {
      toast.fail('No row was deleted', toApiError(cause))
    }
    setDialog(null)
  }

  const total = rows.extra
  const openedRow = opened ? rows.items[opened.row] : undefined
  return (
    <>
      <div className="page-head">
        <BackLink schema={detail.schema} />
        <h1 className="cut">
          <span className="muted">{detail.schema}.</span>
          {detail.name}
        </h1>
        {isOpenToAll(detail) && <span className="badge warn">RLS off</span>}
        {detail.rls_enabled && <span className="badge plain">RLS on</span>}
        {total && (
          <span className="muted count" title={total.exact ? 'exact' : 'an estimate: counting all would take long'}>
            {total.exact ? '' : filters.length > 0 ? 'over ' : '≈ '}
            {whole(total.count)} {total.count === 1 ? 'row' : 'rows'}
          </span>
        )}
        <div className="page-tools">
          {selected.size > 0 && (
            <Button look="danger" icon="trash" onClick={() => setDialog('delete')}>
              {`Delete ${count(selected.size, 'row')}`}
            </Button>
          )}
          <Button
            icon="filter"
            className="tight"
            aria-pressed={filtering || filters.length > 0}
            title="Filter (f)"
            onClick={() => setFiltering(!filtering)}
          >
            Filter
          </Button>
          <Button aria-pressed={structure} onClick={() => setSearch({ view: structure ? null : 'columns' })}>
            Columns
          </Button>
          <Button icon="refresh" aria-label="Reload rows" title="Reload (r)" onClick={reload} />
          <a className="button tight" href={tableCsv(detail.schema, detail.name)} download title="The complete table, as CSV">
            <Icon name="download" />
            <span className="button-text">Export CSV</span>
          </a>
          {editable && (
            <Button look="primary" icon="plus" title="Insert row (n)" onClick={() => setDialog('insert')}>
              Insert row
            </Button>
          )}
        </div>
      </div>
      {(filtering || filters.length > 0) && (
        <FilterBar
          columns={detail.columns}
          filters={filters}
          adding={filtering}
          onAdd={() => setFiltering(true)}
          onChange={setFilters}
          onClose={() => setFiltering(false)}
        />
      )}
      <Banner detail={detail} />
      {structure ? (
        <Columns detail={detail} />
      ) : (
        <Rows
          detail={detail}
          rows={rows}
          sort={sort}
          filtered={filters.length > 0}
          selected={selected}
          onSelect={editable ? setSelected : null}
          onSort={(column) => {
            setSelected(new Set())
            setSearch({ order: writeSort(turnSort(sort, column)) })
          }}
          onOpen={(row, column) => setOpened({ row, column })}
          onClearFilters={() => setFilters([])}
        />
      )}
      {opened && openedRow && (
        <CellDialog
          detail={detail}
          editable={editable && isWritable(opened.column)}
          column={opened.column}
          row={openedRow}
          onClose={() => setOpened(null)}
          onSaved={(changed) => {
            rows.edit((items) => items.map((item, index) => (index === opened.row ? { ...item, ...changed } : item)))
            setOpened(null)
          }}
        />
      )}
      {dialog === 'insert' && (
        <InsertDialog
          detail={detail}
          onClose={() => setDialog(null)}
          onInserted={() => {
            setDialog(null)
            reload()
          }}
        />
      )}
      {dialog === 'delete' && (
        <DeleteRows count={selected.size} table={detail.name} onClose={() => setDialog(null)} onDelete={removeSelected} />
      )}
    </>
  )
}
