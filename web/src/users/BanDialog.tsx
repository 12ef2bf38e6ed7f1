import { useState } from 'react'
import { toApiError, type ApiError } from '../api/client'
import type { User } from '../api/users'
import { Button } from '../ui/Button'
import { Dialog } from '../ui/Dialog'
import { shortTime } from '../ui/time'
import { AccountError } from './AccountError'
import { BAN_CHOICES, banEnd } from './ban'
import { userTitle } from './describe'

interface BanDialogProps {
  user: User
  onClose: () => void
  /** Bans for a duration; rejects with the reason. */
  onBan: (duration: string) => Promise<void>
}

/** How long a user is kept out. */
export function BanDialog({ user, onClose, onBan }: BanDialogProps) {
  const [hours, setHours] = useState(24)
  const [error, setError] = useState<ApiError | null>(null)
  const [busy, setBusy] = useState(false)

  async function submit() {
    setBusy(true)
    setError(null)
    try {
      await onBan(`${hours}h`)
      onClose()
    } catch (cause) {
      setError(toApiError(cause))
      setBusy(false)
    }
  }

  return (
    <Dialog
      title="Ban user"
      onClose={onClose}
      onSubmit={() => void submit()}
      foot={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" look="danger" busy={busy}>
            Ban user
          </Button>
        </>
      }
    >
      {error && <AccountError title="The user was not banned" error={error} />}
      <p>
        <strong>{userTitle(user)}</strong> cannot sign in or refresh a session while banned. Access tokens that were
        already issued stay valid in the data API until they expire.
      </p>
      <fieldset className="choices">
        <legend>Duration</legend>
        {BAN_CHOICES.map((choice) => (
          <label key={choice.hours}>
            <input
              type="radio"
              name="duration"
              checked={choice.hours === hours}
              onChange={() => setHours(choice.hours)}
            />
            {choice.label}
          </label>
        ))}
      </fieldset>
      <p className="muted">Ends {shortTime(banEnd(hours).toISOString())}.</p>
    </Dialog>
  )
}
