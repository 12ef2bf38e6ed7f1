import { useId } from 'react'
import { parseJsonObject } from './json'

interface JsonFieldProps {
  label: string
  value: string
  rows?: number
  hint?: string
  readOnly?: boolean
  onChange: (value: string) => void
}

/** A JSON object typed as text; the note says at once where it is not one. */
export function JsonField({ label, value, rows = 6, hint, readOnly = false, onChange }: JsonFieldProps) {
  const id = useId()
  const parsed = parseJsonObject(value)
  return (
    <div className={`field ${parsed.ok ? '' : 'wrong'}`}>
      <label htmlFor={id}>{label}</label>
      <textarea
        id={id}
        className="code"
        rows={rows}
        readOnly={readOnly}
        spellCheck={false}
        autoCapitalize="off"
        autoCorrect="off"
        value={value}
        aria-invalid={parsed.ok ? undefined : true}
        aria-describedby={`${id}-note`}
        onChange={(event) => onChange(event.target.value)}
      />
      <p id={`${id}-note`} className="field-note" role={parsed.ok ? undefined : 'alert'}>
        {parsed.ok ? hint : parsed.message}
      </p>
    </div>
  )
}
