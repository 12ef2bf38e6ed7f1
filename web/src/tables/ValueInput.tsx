import { useId } from 'react'
import type { Column } from '../api/tables'
import { shortType } from '../ui/gridMath'
import { isBoolean } from './values'

/** What is to be stored: a text in PostgreSQL's own spelling, NULL, or the column's default. */
export type Entry = { is: 'value'; text: string } | { is: 'null' } | { is: 'default' }

interface ValueInputProps {
  label: string
  column: Column
  entry: Entry
  problem: string | null
  allowDefault: boolean
  autoFocus?: boolean
  onChange: (entry: Entry) => void
  onSubmit?: () => void
}

/** An editor for one value; NULL and default are choices of their own, never magic words. */
export function ValueInput(props: ValueInputProps) {
  const { label, column, entry, problem, allowDefault, autoFocus = false, onChange, onSubmit } = props
  const id = useId()
  const text = entry.is === 'value' ? entry.text : ''
  const placeholder = entry.is === 'null' ? 'NULL' : entry.is === 'default' ? (column.default ?? 'default') : ''
  const long = /^(text|varchar|character varying|json|jsonb|xml|bytea|hstore)|\[\]$/.test(column.type)

  return (
    <div className={`field ${problem ? 'wrong' : ''}`}>
      <div className="value-head">
        <label htmlFor={id}>{label}</label>
        <span className="muted small">
          <code>{shortType(column.type)}</code>
        </span>
        <span className="value-ways">
          {allowDefault && (
            <Way
              name="Default"
              on={entry.is === 'default'}
              label={`${label}: use the default`}
              onClick={() => onChange({ is: 'default' })}
            />
          )}
          {column.nullable && (
            <Way name="NULL" on={entry.is === 'null'} label={`${label}: set to NULL`} onClick={() => onChange({ is: 'null' })} />
          )}
        </span>
      </div>
      {isBoolean(column.type) ? (
        <div className="select">
          <select
            id={id}
            autoFocus={autoFocus}
            value={entry.is === 'value' ? (/^t/i.test(text) ? 'true' : 'false') : ''}
            onChange={(event) => onChange({ is: 'value', text: event.target.value })}
          >
            {entry.is !== 'value' && <option value="">{placeholder}</option>}
            <option>true</option>
            <option>false</option>
          </select>
        </div>
      ) : (
        <textarea
          id={id}
          className="code"
          rows={long ? Math.min(14, Math.max(2, text.split('\n').length)) : 1}
          spellCheck={false}
          autoFocus={autoFocus}
          value={text}
          placeholder={placeholder}
          aria-invalid={problem ? true : undefined}
          aria-describedby={problem ? `${id}-note` : undefined}
          onChange={(event) => onChange({ is: 'value', text: event.target.value })}
          onKeyDown={(event) => {
            if (event.key === 'Enter' && (event.metaKey || event.ctrlKey)) {
              event.preventDefault()
              onSubmit?.()
            }
          }}
        />
      )}
      {problem && (
        <p id={`${id}-note`} className="field-note" role="alert">
          {problem}
        </p>
      )}
    </div>
  )
}

function Way({ name, on, label, onClick }: { name: string; on: boolean; label: string; onClick: () => void }) {
  return (
    <button type="button" className="way" aria-pressed={on} aria-label={label} onClick={onClick}>
      {name}
    </button>
  )
}
