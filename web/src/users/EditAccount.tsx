import { useState } from 'react'
import { toApiError, type ApiError } from '../api/client'
import { useApi } from '../api/context'
import { updateUser, type User, type UserChanges } from '../api/users'
import { Button } from '../ui/Button'
import { Dialog } from '../ui/Dialog'
import { Check, Field } from '../ui/Field'
import { useToast } from '../ui/Toasts'
import { sentence } from '../ui/words'
import { AccountError, fieldOf } from './AccountError'
import { AccountPassword } from './AccountPassword'

interface EditAccountProps {
  user: User
  onClose: () => void
  onChanged: (user: User) => void
}

/** Email, phone and password of an account. */
export function EditAccount({ user, onClose, onChanged }: EditAccountProps) {
  const api = useApi()
  const toast = useToast()
  const [email, setEmail] = useState(user.email ?? '')
  const [phone, setPhone] = useState(user.phone ?? '')
  const [password, setPassword] = useState('')
  const [confirm, setConfirm] = useState(true)
  const [error, setError] = useState<ApiError | null>(null)
  const [busy, setBusy] = useState(false)

  const newEmail = email.trim() !== (user.email ?? '')
  const newPhone = phone.trim().replace(/^\+/, '') !== (user.phone ?? '')

  async function submit() {
    if (busy) return
    const changes: UserChanges = {}
    if (newEmail) Object.assign(changes, { email: email.trim(), ...(confirm && { email_confirm: true }) })
    if (newPhone) Object.assign(changes, { phone: phone.trim(), ...(confirm && { phone_confirm: true }) })
    if (password !== '') changes.password = password
    if (Object.keys(changes).length === 0) {
      onClose()
      return
    }
    setBusy(true)
    setError(null)
    try {
      const changed = await updateUser(api, user.id, changes)
      toast.say('Account saved')
      onChanged(changed)
    } catch (cause) {
      setError(toApiError(cause))
      setBusy(false)
    }
  }

  const wrong = error ? fieldOf(error) : null
  const said = (field: string) => (error && wrong === field ? sentence(error.message) : null)
  return (
    <Dialog
      title="Edit account"
      onClose={onClose}
      onSubmit={() => void submit()}
      foot={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" look="primary" busy={busy}>
            Save account
          </Button>
        </>
      }
    >
      {error && wrong === null && <AccountError title="The account was not changed" error={error} />}
      <Field
        label="Email"
        type="email"
        autoComplete="off"
        value={email}
        error={said('email')}
        onChange={(event) => setEmail(event.target.value)}
      />
      <Field
        label="Phone"
        type="tel"
        autoComplete="off"
        value={phone}
        error={said('phone')}
        onChange={(event) => setPhone(event.target.value)}
      />
      {(newEmail || newPhone) && (
        <Check label="Count the new address as confirmed" checked={confirm} onChange={setConfirm} />
      )}
      <AccountPassword
        label="New password"
        hint="Leave empty to keep the present one."
        error={said('password')}
        value={password}
        onChange={setPassword}
      />
    </Dialog>
  )
}
