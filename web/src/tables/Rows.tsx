import { useMemo } from 'react'
import type { Pages } from '../api/resource'
import type { Column, Row, RowCount, TableDetail } from '../api/tables'
import { Button } from '../ui/Button'
import { ErrorPanel } from '../ui/ErrorPanel'
import { Grid, type GridColumn, type Sort } from '../ui/Grid'
import { Icon } from '../ui/Icon'
import { Spinner } from '../ui/Spinner'
import { textOf } from './values'

interface RowsProps {
  detail: TableDetail
  rows: Pages<Row, RowCount>
  sort: Sort | null
  filtered: boolean
  selected: ReadonlySet<number>
  onSelect: ((rows: ReadonlySet<number>) => void) | null
  onSort: (column: string) => void
  onOpen: (row: number, column: Column) => void
  onClearFilters: () => void
}

/** The rows of a relation, with their empty, loading and failed states. */
export function Rows({ detail, rows, sort, filtered, selected, onSelect, onSort, onOpen, onClearFilters }: RowsProps) {
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

function gridColumn(column: Column): GridColumn {
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
