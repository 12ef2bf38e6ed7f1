import { useState, type ReactNode } from 'react'
import { Field } from '../ui/Field'

interface PasswordFieldProps {
  label: string
  value: string
  autoComplete: 'current-password' | 'new-password' | 'off'
  hint?: ReactNode
  error?: string | null
  tools?: ReactNode
  /** Starts readable (a password that was just generated). */
  shown?: boolean
  onChange: (value: string) => void
}

/** A password input that can be made readable. */
export function PasswordField({ label, value, autoComplete, hint, error, tools, shown = false, onChange }: PasswordFieldProps) {
  const [visible, setVisible] = useState(false)
  const readable = visible || shown
  return (
    <Field
      label={label}
      type={readable ? 'text' : 'password'}
      autoComplete={autoComplete}
      spellCheck={false}
      autoCapitalize="off"
      value={value}
      hint={hint}
      error={error ?? null}
      onChange={(event) => onChange(event.target.value)}
      tools={
        <>
          <button type="button" className="button" aria-pressed={readable} onClick={() => setVisible(!visible)}>
            {readable ? 'Hide' : 'Show'}
          </button>
          {tools}
        </>
      }
    />
  )
}
