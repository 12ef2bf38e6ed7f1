import { useState } from 'react'
import { toApiError, type ApiError } from '../api/client'
import { useApi } from '../api/context'
import { changePassword, type Session } from '../api/session'
import { Notice } from '../ui/Notice'
import { PasswordField } from './PasswordField'
import { MIN_LENGTH, passwordProblem } from './passwords'
import { sentence } from '../ui/words'

export interface PasswordFormState {
  current: string
  next: string
  repeated: string
  problem: string | null
  error: ApiError | null
  busy: boolean
  set: (field: 'current' | 'next' | 'repeated', value: string) => void
  submit: () => Promise<void>
}

/** The state of a change of the operator's own password. */
export function usePasswordForm(known: string | null, onChanged: (session: Session) => void): PasswordFormState {
  const api = useApi()
  const [fields, setFields] = useState({ current: known ?? '', next: '', repeated: '' })
  const [problem, setProblem] = useState<string | null>(null)
  const [error, setError] = useState<ApiError | null>(null)
  const [busy, setBusy] = useState(false)

  async function submit() {
    const found = passwordProblem(fields.next, fields.repeated, fields.current)
    setProblem(found)
    setError(null)
    if (found !== null || busy) return
    setBusy(true)
    try {
      onChanged(await changePassword(api, fields.current, fields.next))
    } catch (cause) {
      setError(toApiError(cause))
    } finally {
      setBusy(false)
    }
  }

  return {
    ...fields,
    problem,
    error,
    busy,
    set: (field, value) => {
      setProblem(null)
      setFields((old) => ({ ...old, [field]: value }))
    },
    submit,
  }
}

/** The fields of a password change. */
export function PasswordForm({ form, askCurrent }: { form: PasswordFormState; askCurrent: boolean }) {
  return (
    <>
      {form.error && (
        <Notice tone="danger" alert title="The password was not changed">
          <p>{form.error.code === 'invalid_credentials' ? 'The current password is wrong.' : sentence(form.error.message)}</p>
          {form.error.hint && <p>{sentence(form.error.hint)}</p>}
        </Notice>
      )}
      {askCurrent && (
        <PasswordField
          label="Current password"
          autoComplete="current-password"
          value={form.current}
          onChange={(value) => form.set('current', value)}
        />
      )}
      <PasswordField
        label="New password"
        autoComplete="new-password"
        value={form.next}
        hint={`At least ${MIN_LENGTH} characters. A sentence is easier to remember than a word.`}
        error={form.problem}
        onChange={(value) => form.set('next', value)}
      />
      <PasswordField
        label="Repeat new password"
        autoComplete="new-password"
        value={form.repeated}
        onChange={(value) => form.set('repeated', value)}
      />
    </>
  )
}
