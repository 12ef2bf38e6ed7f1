import { useState } from 'react'
import type { Column } from '../api/tables'
import { Button } from '../ui/Button'
import { Icon } from '../ui/Icon'
import { describeFilter, OPERATORS, type Filter, type Operator } from './filters'

interface FilterBarProps {
  columns: Column[]
  filters: Filter[]
  /** Whether the row for a new filter is open. */
  adding: boolean
  onAdd: () => void
  onChange: (filters: Filter[]) => void
  onClose: () => void
}

const NO_VALUE: readonly string[] = ['null', 'not null', 'true', 'false']

/** The filters in force as chips, and a row to add one. */
export function FilterBar({ columns, filters, adding, onAdd, onChange, onClose }: FilterBarProps) {
  const [column, setColumn] = useState(columns.find(({ masked }) => !masked)?.name ?? '')
  const [op, setOp] = useState<Operator>('eq')
  const [value, setValue] = useState('')

  function add() {
    const typed = op === 'is' && !NO_VALUE.includes(value) ? 'null' : value
    onChange([...filters, { column, op, value: typed }])
    setValue('')
  }

  return (
    <form
      className="filter-bar"
      aria-label="Filters"
      onSubmit={(event) => {
        event.preventDefault()
        add()
      }}
      onKeyDown={(event) => {
        if (event.key === 'Escape') onClose()
      }}
    >
      {filters.map((filter, index) => (
        <span className="chip" key={index}>
          <span className="cut">{describeFilter(filter)}</span>
          <button
            type="button"
            className="icon-button"
            aria-label={`Remove filter ${describeFilter(filter)}`}
            onClick={() => onChange(filters.filter((_, at) => at !== index))}
          >
            <Icon name="close" />
          </button>
        </span>
      ))}
      {adding ? (
        <span className="filter-new">
          <span className="select">
            <select aria-label="Filter column" value={column} onChange={(event) => setColumn(event.target.value)}>
              {columns
                .filter(({ masked }) => !masked)
                .map(({ name }) => (
                  <option key={name}>{name}</option>
                ))}
            </select>
            <Icon name="down" />
          </span>
          <span className="select">
            <select
              aria-label="Filter operator"
              value={op}
              onChange={(event) => setOp(event.target.value as Operator)}
            >
              {OPERATORS.map((item) => (
                <option key={item.op} value={item.op}>
                  {item.label}
                </option>
              ))}
            </select>
            <Icon name="down" />
          </span>
          {op === 'is' ? (
            <span className="select">
              <select
                aria-label="Filter value"
                value={NO_VALUE.includes(value) ? value : 'null'}
                onChange={(event) => setValue(event.target.value)}
              >
                {NO_VALUE.map((item) => (
                  <option key={item}>{item}</option>
                ))}
              </select>
              <Icon name="down" />
            </span>
          ) : (
            <input
              aria-label="Filter value"
              placeholder={op === 'in' ? 'a,b,c' : op === 'like' || op === 'ilike' ? '%part%' : 'value'}
              value={value}
              autoFocus
              spellCheck={false}
              onChange={(event) => setValue(event.target.value)}
            />
          )}
          <Button type="submit">Add filter</Button>
        </span>
      ) : (
        <Button look="ghost" icon="plus" onClick={onAdd}>
          Add filter
        </Button>
      )}
    </form>
  )
}
