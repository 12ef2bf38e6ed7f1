import { useState } from 'react'
import { toApiError, type ApiError } from '../api/client'
import { useApi } from '../api/context'
import { createUser, type User, type UserChanges } from '../api/users'
import { Button } from '../ui/Button'
import { Dialog } from '../ui/Dialog'
import { Check, Field } from '../ui/Field'
import { parseJsonObject } from '../ui/json'
import { JsonField } from '../ui/JsonField'
import { useToast } from '../ui/Toasts'
import { sentence } from '../ui/words'
import { AccountError, fieldOf } from './AccountError'
import { AccountPassword } from './AccountPassword'

interface CreateUserProps {
  onClose: () => void
  onCreated: (user: User) => void
}

/** The dialog that makes a user: everything the admin API takes, with the common part first. */
export function CreateUser({ onClose, onCreated }: CreateUserProps) {
  const api = useApi()
  const toast = useToast()
  const [email, setEmail] = useState('')
  const [phone, setPhone] = useState('')
  const [password, setPassword] = useState('')
  const [confirm, setConfirm] = useState(true)
  const [userMeta, setUserMeta] = useState('')
  const [appMeta, setAppMeta] = useState('')
  const [error, setError] = useState<ApiError | null>(null)
  const [busy, setBusy] = useState(false)

  const user_metadata = parseJsonObject(userMeta)
  const app_metadata = parseJsonObject(appMeta)
  const ready = (email.trim() !== '' || phone.trim() !== '') && user_metadata.ok && app_metadata.ok

  async function submit() {
    if (!ready || busy) return
    const fields: UserChanges = {}
    if (email.trim() !== '') Object.assign(fields, { email: email.trim(), email_confirm: confirm })
    if (phone.trim() !== '') Object.assign(fields, { phone: phone.trim(), phone_confirm: confirm })
    if (password !== '') fields.password = password
    if (userMeta.trim() !== '' && user_metadata.ok) fields.user_metadata = user_metadata.value
    if (appMeta.trim() !== '' && app_metadata.ok) fields.app_metadata = app_metadata.value
    setBusy(true)
    setError(null)
    try {
      const user = await createUser(api, fields)
      toast.say('User created')
      onCreated(user)
    } catch (cause) {
      setError(toApiError(cause))
      setBusy(false)
    }
  }

  const wrong = error ? fieldOf(error) : null
  const said = (field: string) => (error && wrong === field ? sentence(error.message) : null)
  return (
    <Dialog
      title="Create user"
      onClose={onClose}
      onSubmit={() => void submit()}
      foot={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" look="primary" busy={busy} disabled={!ready}>
            Create user
          </Button>
        </>
      }
    >
      {error && wrong === null && <AccountError title="The user was not created" error={error} />}
      <Field
        label="Email"
        type="email"
        autoComplete="off"
        autoFocus
        value={email}
        error={said('email')}
        onChange={(event) => setEmail(event.target.value)}
      />
      <AccountPassword
        label="Password"
        hint="Leave empty for a user who signs in by link, code or provider."
        error={said('password')}
        value={password}
        onChange={setPassword}
      />
      <Check
        label="Auto-confirm"
        hint={
          confirm
            ? 'The address counts as confirmed. No mail is sent.'
            : 'The user must confirm the address before signing in.'
        }
        checked={confirm}
        onChange={setConfirm}
      />
      <details className="more-fields" open={wrong === 'phone' || undefined}>
        <summary>Phone and metadata</summary>
        <Field
          label="Phone"
          type="tel"
          autoComplete="off"
          placeholder="+49 30 123456"
          value={phone}
          error={said('phone')}
          onChange={(event) => setPhone(event.target.value)}
        />
        <JsonField
          label="User metadata"
          rows={4}
          value={userMeta}
          hint="What your sign-up trigger reads from raw_user_meta_data. The user can change it."
          onChange={setUserMeta}
        />
        <JsonField
          label="App metadata"
          rows={3}
          value={appMeta}
          hint="Only operators and servers can change it: roles, plans."
          onChange={setAppMeta}
        />
      </details>
    </Dialog>
  )
}
