import { useEffect, useId, useLayoutEffect, useMemo, useRef, useState, type KeyboardEvent, type PointerEvent, type ReactNode } from 'react'
import { copyText } from './clipboard'
import { cellText, columnWidth, isNumeric, ROW_HEIGHT, shortType, visibleRows } from './gridMath'
import { Icon } from './Icon'
import { useToast } from './Toasts'
import './grid.css'

export interface GridColumn {
  name: string
  type: string
  /** Small marks beside the name: primary key, foreign key, masked. */
  marks?: ReactNode
  /** Everything about the column, for its tooltip. */
  about?: string
}

export interface Sort {
  column: string
  descending: boolean
}

interface GridProps {
  label: string
  columns: readonly GridColumn[]
  rowCount: number
  /** The text of a cell; null is NULL. */
  cell: (row: number, column: number) => string | null
  onOpen: (row: number, column: number) => void
  sort?: Sort | null
  onSort?: (column: string) => void
  selected?: ReadonlySet<number>
  onSelect?: (rows: Set<number>) => void
  /** Called when the last rows come into view. */
  onEnd?: () => void
  foot?: ReactNode
}

/** Rows sampled for the width of a column. */
const SAMPLE = 60

/** A read-only data grid: keyboard, sticky heading, resizable columns; draws only the rows in view. */
export function Grid(props: GridProps) {
  const { label, columns, rowCount, cell, onOpen, sort, onSort, selected, onSelect, onEnd, foot } = props
  const id = useId()
  const toast = useToast()
  const scroller = useRef<HTMLDivElement>(null)
  const [view, setView] = useState({ top: 0, height: 600 })
  const [at, setAt] = useState<{ row: number; column: number }>({ row: 0, column: 0 })
  const [dragged, setDragged] = useState<Record<string, number>>({})
  const names = columns.map((column) => column.name).join('\u0000')
  const selectable = selected !== undefined && onSelect !== undefined

  const measured = useMemo(
    () =>
      columns.map((column, index) => {
        const values = Array.from({ length: Math.min(SAMPLE, rowCount) }, (_, row) => cell(row, index))
        return columnWidth(column.name.length + Math.min(shortType(column.type).length, 12) + (column.marks ? 3 : 1), values)
      }),
    // measured once per set of columns: widths must not jump while pages arrive
    [names, rowCount === 0],
  )
  const widths = columns.map((column, index) => dragged[column.name] ?? measured[index] ?? 120)

  useLayoutEffect(() => {
    const element = scroller.current
    if (!element) return
    const watcher = new ResizeObserver(() => setView((old) => ({ ...old, height: element.clientHeight })))
    watcher.observe(element)
    return () => watcher.disconnect()
  }, [])

  useEffect(() => {
    scroller.current?.scrollTo(0, 0)
    setAt({ row: 0, column: 0 })
  }, [names])

  const { from, to } = visibleRows(view.top, view.height, rowCount)
  const atEnd = to >= rowCount - 5
  const reached = useRef(onEnd)
  reached.current = onEnd
  useEffect(() => {
    if (atEnd && rowCount > 0) reached.current?.()
  }, [atEnd, rowCount])

  function go(row: number, column: number) {
    const next = {
      row: Math.max(0, Math.min(row, rowCount - 1)),
      column: Math.max(0, Math.min(column, columns.length - 1)),
    }
    setAt(next)
    const element = scroller.current
    if (!element) return
    const top = next.row * ROW_HEIGHT
    const head = element.querySelector('thead')?.offsetHeight ?? 0
    if (top < element.scrollTop) element.scrollTop = top
    else if (top + ROW_HEIGHT + head > element.scrollTop + element.clientHeight - 16)
      element.scrollTop = top + ROW_HEIGHT + head - element.clientHeight + 16
    const left = widths.slice(0, next.column).reduce((sum, width) => sum + width, 0)
    const gutter = element.querySelector<HTMLElement>('.grid-gutter')?.offsetWidth ?? 0
    if (left < element.scrollLeft) element.scrollLeft = left
    else if (left + (widths[next.column] ?? 0) + gutter > element.scrollLeft + element.clientWidth)
      element.scrollLeft = left + (widths[next.column] ?? 0) + gutter - element.clientWidth
  }

  function toggle(row: number) {
    if (!selectable) return
    const next = new Set(selected)
    if (!next.delete(row)) next.add(row)
    onSelect(next)
  }

  function onKey(event: KeyboardEvent<HTMLDivElement>) {
    if (event.target !== event.currentTarget || rowCount === 0) return
    const page = Math.max(1, Math.floor(view.height / ROW_HEIGHT) - 2)
    const mod = event.ctrlKey || event.metaKey
    const moves: Record<string, () => void> = {
      ArrowDown: () => go(mod ? rowCount - 1 : at.row + 1, at.column),
      ArrowUp: () => go(mod ? 0 : at.row - 1, at.column),
      ArrowRight: () => go(at.row, mod ? columns.length - 1 : at.column + 1),
      ArrowLeft: () => go(at.row, mod ? 0 : at.column - 1),
      PageDown: () => go(at.row + page, at.column),
      PageUp: () => go(at.row - page, at.column),
      Home: () => go(mod ? 0 : at.row, 0),
      End: () => go(mod ? rowCount - 1 : at.row, columns.length - 1),
      Enter: () => onOpen(at.row, at.column),
      ' ': () => toggle(at.row),
    }
    if (mod && event.key === 'c') {
      if (window.getSelection()?.toString()) return
      event.preventDefault()
      void copyText(cell(at.row, at.column) ?? '').then((done) => done && toast.say('Cell copied'))
      return
    }
    const move = moves[event.key]
    if (!move) return
    event.preventDefault()
    move()
  }

  const total = widths.reduce((sum, width) => sum + width, 0)
  const everyRow = selectable && rowCount > 0 && selected.size === rowCount
  return (
    <div
      className="grid-scroll"
      ref={scroller}
      role="grid"
      aria-label={label}
      aria-rowcount={rowCount + 1}
      aria-colcount={columns.length}
      aria-activedescendant={rowCount > 0 ? `${id}-${at.row}-${at.column}` : undefined}
      aria-multiselectable={selectable || undefined}
      tabIndex={0}
      data-own-keys
      onKeyDown={onKey}
      onScroll={(event) => {
        const top = event.currentTarget.scrollTop
        setView((old) => (Math.abs(old.top - top) < ROW_HEIGHT / 2 && top !== 0 ? old : { ...old, top }))
      }}
    >
      <table className="grid" role="presentation" style={{ width: total + (selectable ? 34 : 46) }}>
        <colgroup>
          <col style={{ width: selectable ? 34 : 46 }} />
          {columns.map((column, index) => (
            <col key={column.name + index} style={{ width: widths[index] }} />
          ))}
        </colgroup>
        <thead role="rowgroup">
          <tr role="row" aria-rowindex={1}>
            <th className="grid-gutter" role="columnheader" aria-label={selectable ? 'Selection' : 'Row number'}>
              {selectable && (
                <input
                  type="checkbox"
                  aria-label="Select all loaded rows"
                  checked={everyRow}
                  onChange={() => onSelect(everyRow ? new Set() : new Set(Array.from({ length: rowCount }, (_, row) => row)))}
                />
              )}
            </th>
            {columns.map((column, index) => (
              <Heading
                key={column.name + index}
                column={column}
                index={index}
                sort={sort?.column === column.name ? sort : null}
                onSort={onSort}
                width={widths[index] ?? 120}
                onWidth={(width) => setDragged((old) => ({ ...old, [column.name]: width }))}
              />
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {from > 0 && <Spacer height={from * ROW_HEIGHT} />}
          {Array.from({ length: to - from }, (_, offset) => {
            const row = from + offset
            const isSelected = selectable && selected.has(row)
            return (
              <tr key={row} role="row" aria-rowindex={row + 2} aria-selected={selectable ? isSelected : undefined}>
                <td className="grid-gutter" role={selectable ? 'gridcell' : 'rowheader'}>
                  {selectable ? (
                    <input
                      type="checkbox"
                      tabIndex={-1}
                      aria-label={`Select row ${row + 1}`}
                      checked={isSelected}
                      onChange={() => toggle(row)}
                    />
                  ) : (
                    row + 1
                  )}
                </td>
                {columns.map((column, index) => (
                  <Cell
                    key={column.name + index}
                    id={`${id}-${row}-${index}`}
                    value={cell(row, index)}
                    numeric={isNumeric(column.type)}
                    active={at.row === row && at.column === index}
                    onPick={() => setAt({ row, column: index })}
                    onOpen={() => onOpen(row, index)}
                  />
                ))}
              </tr>
            )
          })}
          {to < rowCount && <Spacer height={(rowCount - to) * ROW_HEIGHT} />}
        </tbody>
      </table>
      {foot}
    </div>
  )
}

function Spacer({ height }: { height: number }) {
  return (
    <tr role="presentation" aria-hidden="true">
      <td style={{ height, padding: 0, border: 0 }} />
    </tr>
  )
}

interface CellProps {
  id: string
  value: string | null
  numeric: boolean
  active: boolean
  onPick: () => void
  onOpen: () => void
}

function Cell({ id, value, numeric, active, onPick, onOpen }: CellProps) {
  const look = [active && 'active', numeric && value !== null && 'numeric', value === '' && 'blank']
  return (
    <td
      id={id}
      role="gridcell"
      className={look.filter(Boolean).join(' ')}
      onClick={onPick}
      onDoubleClick={onOpen}
    >
      {value === null ? <span className="null">NULL</span> : cellText(value)}
      {active && (
        <button
          type="button"
          className="cell-open"
          tabIndex={-1}
          aria-label="Open cell"
          title="Open (Enter)"
          onClick={(event) => {
            event.stopPropagation()
            onOpen()
          }}
        >
          <Icon name="external" />
        </button>
      )}
    </td>
  )
}

interface HeadingProps {
  column: GridColumn
  index: number
  sort: Sort | null
  width: number
  onSort: ((column: string) => void) | undefined
  onWidth: (width: number) => void
}

function Heading({ column, index, sort, width, onSort, onWidth }: HeadingProps) {
  function drag(event: PointerEvent<HTMLSpanElement>) {
    event.preventDefault()
    event.stopPropagation()
    const handle = event.currentTarget
    const start = event.clientX
    handle.setPointerCapture(event.pointerId)
    const move = (next: globalThis.PointerEvent) => onWidth(Math.max(56, width + next.clientX - start))
    const stop = () => {
      handle.removeEventListener('pointermove', move)
      handle.removeEventListener('pointerup', stop)
      handle.removeEventListener('pointercancel', stop)
    }
    handle.addEventListener('pointermove', move)
    handle.addEventListener('pointerup', stop)
    handle.addEventListener('pointercancel', stop)
  }

  const face = (
    <>
      <span className="grid-name">{column.name}</span>
      {column.marks}
      <span className="grid-type">{shortType(column.type)}</span>
      {sort && <Icon name={sort.descending ? 'down' : 'up'} />}
    </>
  )
  return (
    <th
      role="columnheader"
      aria-colindex={index + 1}
      aria-sort={sort ? (sort.descending ? 'descending' : 'ascending') : undefined}
      title={column.about ?? `${column.name} ${column.type}`}
    >
      {onSort ? (
        <button type="button" className="grid-head" onClick={() => onSort(column.name)}>
          {face}
        </button>
      ) : (
        <span className="grid-head">{face}</span>
      )}
      <span className="grid-grip" aria-hidden="true" onPointerDown={drag} />
    </th>
  )
}
