import { useEffect, useState } from 'react'
import { toApiError, type ApiError } from '../api/client'
import { useApi } from '../api/context'
import { signIn, type Session } from '../api/session'
import { Button } from '../ui/Button'
import { Field } from '../ui/Field'
import { Notice } from '../ui/Notice'
import { Entrance } from './Entrance'
import { PasswordField } from './PasswordField'
import { sentence } from '../ui/words'

interface SignInProps {
  /** The session ended while the console was open. */
  expired: boolean
  onSignedIn: (session: Session, password: string) => void
}

/** Log-in of an operator; the address stays, so that the page asked for comes up afterwards. */
export function SignIn({ expired, onSignedIn }: SignInProps) {
  const api = useApi()
  const [email, setEmail] = useState('')
  const [password, setPassword] = useState('')
  const [error, setError] = useState<ApiError | null>(null)
  const [busy, setBusy] = useState(false)
  const wait = useCountdown(error?.retryAfter ?? null, error)

  useEffect(() => {
    document.title = 'Sign in · Vestibule'
  }, [])

  async function submit() {
    if (busy || wait > 0) return
    setBusy(true)
    setError(null)
    try {
      onSignedIn(await signIn(api, email.trim(), password), password)
    } catch (cause) {
      setError(toApiError(cause))
      setBusy(false)
    }
  }

  return (
    <Entrance title="Sign in" lead="Operators' console" onSubmit={() => void submit()}>
      {expired && !error && (
        <Notice tone="info">
          <p>Your session has ended. Sign in to go on where you were.</p>
        </Notice>
      )}
      {error && <SignInError error={error} wait={wait} />}
      <Field
        label="Email"
        type="email"
        name="email"
        autoComplete="username"
        autoFocus
        required
        value={email}
        onChange={(event) => setEmail(event.target.value)}
      />
      <PasswordField label="Password" autoComplete="current-password" value={password} onChange={setPassword} />
      <Button type="submit" look="primary" busy={busy} disabled={email.trim() === '' || password === '' || wait > 0}>
        Sign in
      </Button>
    </Entrance>
  )
}

function SignInError({ error, wait }: { error: ApiError; wait: number }) {
  if (error.code === 'invalid_credentials')
    return (
      <Notice tone="danger" alert title="Email or password is wrong">
        <p>Check both and try again.</p>
      </Notice>
    )
  if (error.code === 'too_many_attempts')
    return (
      <Notice tone="warn" alert title="Too many attempts">
        <p>{wait > 0 ? `You can try again in ${wait} s.` : 'You can try again now.'}</p>
      </Notice>
    )
  return (
    <Notice tone="danger" alert title="Could not sign in">
      <p>{sentence(error.message)}</p>
      {error.hint && <p>{sentence(error.hint)}</p>}
    </Notice>
  )
}

/** Seconds left of a wait that starts anew with each `cause`. */
function useCountdown(seconds: number | null, cause: unknown): number {
  const [left, setLeft] = useState(0)
  useEffect(() => {
    if (seconds === null) {
      setLeft(0)
      return
    }
    const until = Date.now() + seconds * 1000
    const tick = () => setLeft(Math.max(0, Math.ceil((until - Date.now()) / 1000)))
    tick()
    const timer = setInterval(tick, 500)
    return () => clearInterval(timer)
  }, [seconds, cause])
  return left
}
