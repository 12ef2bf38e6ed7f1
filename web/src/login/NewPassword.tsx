import { useEffect } from 'react'
import { toApiError } from '../api/client'
import { useApi } from '../api/context'
import { signOut, type Session } from '../api/session'
import { Button } from '../ui/Button'
import { useToast } from '../ui/Toasts'
import { Entrance } from './Entrance'
import { PasswordForm, usePasswordForm } from './PasswordForm'

interface NewPasswordProps {
  session: Session
  /** The one-time password, when it was typed a moment ago. */
  current: string | null
  onChanged: (session: Session) => void
  onSignedOut: () => void
}

/** The stop between the first log-in and the console: the one-time password must go. */
export function NewPassword({ session, current, onChanged, onSignedOut }: NewPasswordProps) {
  const api = useApi()
  const toast = useToast()
  const form = usePasswordForm(current, onChanged)

  useEffect(() => {
    document.title = 'Choose a password · Vestibule'
  }, [])

  async function leave() {
    try {
      await signOut(api)
    } catch (cause) {
      const error = toApiError(cause)
      if (error.status !== 401) {
        toast.fail('Could not sign out', error)
        return
      }
    }
    onSignedOut()
  }

  return (
    <Entrance
      title="Choose your password"
      lead={`The one-time password of ${session.operator.email} works only once.`}
      onSubmit={() => void form.submit()}
    >
      <PasswordForm form={form} askCurrent={current === null} />
      <Button type="submit" look="primary" busy={form.busy}>
        Save password
      </Button>
      <Button look="ghost" onClick={() => void leave()}>
        Sign out
      </Button>
    </Entrance>
  )
}
