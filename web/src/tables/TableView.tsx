import { useMemo, useState } from 'react'
import { useMay } from '../api/access'
import { useApi } from '../api/context'
import { toApiError } from '../api/client'
import { usePages, useResource } from '../api/resource'
import { deleteRows, fetchTable, listRows, tableCsv, type Column, type Row, type TableDetail } from '../api/tables'
import { Link } from '../shell/Link'
import { setSearch, usePlace } from '../shell/location'
import { tablesPath } from '../shell/routes'
import { Button } from '../ui/Button'
import { Dialog } from '../ui/Dialog'
import { ErrorPanel } from '../ui/ErrorPanel'
import { Grid } from '../ui/Grid'
import { Icon } from '../ui/Icon'
import { Notice } from '../ui/Notice'
import { useShortcuts } from '../ui/shortcuts'
import { Spinner } from '../ui/Spinner'
import { count, whole } from '../ui/time'
import { useToast } from '../ui/Toasts'
import { isOpenToAll } from './Browser'
import { CellDialog } from './CellDialog'
import { Columns } from './Columns'
import { FilterBar } from './FilterBar'
import { parseFilter, parseSort, turnSort, writeFilter, writeSort, type Filter } from './filters'
import { InsertDialog } from './InsertDialog'
import { isEditable, isWritable, keyOf, textOf } from './values'

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

/** Why a relation is read-only, or open to everyone. */
function Banner({ detail }: { detail: TableDetail }) {
  if (detail.locked)
    return (
      <Notice tone="locked">
        <p>
          <strong>Read-only.</strong> The schema <code>{detail.schema}</code> is kept by Vestibule: a change here could break
          sign-in or lose files. Use the Users page or the client APIs. Secrets are masked.
        </p>
      </Notice>
    )
  if (isOpenToAll(detail))
    return (
      <Notice tone="warn">
        <p>
          <strong>Row level security is off.</strong> Everyone whose role has the grants reads every row through the data API.
          Turn it on: <code>{`alter table ${quoted(detail.schema)}.${quoted(detail.name)} enable row level security;`}</code>
        </p>
      </Notice>
    )
  if (!isEditable(detail) && detail.kind === 'table')
    return (
      <Notice tone="info">
        <p>This table has no primary key, so its rows can be read here but not changed.</p>
      </Notice>
    )
  return null
}

/** A name as SQL wants it. */
function quoted(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`
}

interface RowsProps {
  detail: TableDetail
  rows: ReturnType<typeof usePages<Row, unknown>>
  sort: ReturnType<typeof parseSort>
  filtered: boolean
  selected: ReadonlySet<number>
  onSelect: ((rows: ReadonlySet<number>) => void) | null
  onSort: (column: string) => void
  onOpen: (row: number, column: Column) => void
  onClearFilters: () => void
}

function Rows({ detail, rows, sort, filtered, selected, onSelect, onSort, onOpen, onClearFilters }: RowsProps) {
  const columns = useMemo(() => detail.columns.map(gridColumn), [detail])
  if (rows.error && rows.items.length === 0)
    return <ErrorPanel title="The rows could not be loaded" error={rows.error} onRetry={rows.reload} />
  if (rows.loading && rows.items.length === 0)
    return (
      <div className="fill-center">
        <Spinner label="Loading the rows" />
      </div>
    )
  return (
    <Grid
      label="Rows"
      columns={columns}
      rowCount={rows.items.length}
      cell={(row, index) => {
        const column = detail.columns[index]
        return column ? textOf(rows.items[row]?.[column.name], column.type) : null
      }}
      sort={sort}
      onSort={onSort}
      {...(onSelect && { selected, onSelect })}
      onOpen={(row, index) => {
        const column = detail.columns[index]
        if (column) onOpen(row, column)
      }}
      onEnd={() => rows.error === null && rows.more()}
      foot={
        rows.items.length === 0 ? (
          <div className="empty grid-foot">
            <h2>{filtered ? 'No row passes the filter' : 'No rows'}</h2>
            {filtered ? (
              <Button onClick={onClearFilters}>Clear filters</Button>
            ) : (
              <p className="muted">This {detail.kind} is empty.</p>
            )}
          </div>
        ) : rows.error ? (
          <div className="list-end grid-foot" role="alert">
            {rows.error.message}
            <Button onClick={rows.more}>Try again</Button>
          </div>
        ) : rows.hasMore ? (
          <div className="list-end grid-foot">
            {rows.loadingMore ? <Spinner label="Loading more rows" /> : <Button onClick={rows.more}>Load more</Button>}
          </div>
        ) : null
      }
    />
  )
}

function gridColumn(column: Column) {
  const { references } = column
  return {
    name: column.name,
    type: column.type,
    marks: (
      <>
        {column.primary_key && <Mark icon="key" name="primary key" />}
        {references && <Mark icon="link" name="foreign key" />}
        {column.masked && <Mark icon="lock" name="masked" />}
      </>
    ),
    about: [
      `${column.name} ${column.type}${column.nullable ? '' : ' not null'}`,
      column.primary_key && 'primary key',
      references && `references ${references.schema}.${references.table} (${references.column})`,
      column.default && `default ${column.default}`,
      column.generated && 'generated',
      column.masked && 'secret: masked in the console',
      column.comment,
    ]
      .filter(Boolean)
      .join('\n'),
  }
}

function Mark({ icon, name }: { icon: 'key' | 'link' | 'lock'; name: string }) {
  return (
    <span className="grid-mark" role="img" aria-label={name}>
      <Icon name={icon} />
    </span>
  )
}

interface DeleteRowsProps {
  count: number
  table: string
  onClose: () => void
  onDelete: () => Promise<void>
}

function DeleteRows({ count: rows, table, onClose, onDelete }: DeleteRowsProps) {
  const [busy, setBusy] = useState(false)
  return (
    <Dialog
      title={`Delete ${count(rows, 'row')}?`}
      onClose={onClose}
      onSubmit={() => {
        setBusy(true)
        void onDelete()
      }}
      foot={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" look="danger" busy={busy}>
            {`Delete ${count(rows, 'row')}`}
          </Button>
        </>
      }
    >
      <p>
        From <code>{table}</code>, with everything that refers to {rows === 1 ? 'it' : 'them'} by “on delete cascade”. This
        cannot be undone.
      </p>
    </Dialog>
  )
}
