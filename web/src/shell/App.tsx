import { useCallback, useEffect, useMemo, useState } from 'react'
import { Api, toApiError, type ApiError } from '../api/client'
import { ApiContext } from '../api/context'
import { fetchSession, type Session } from '../api/session'
import { NewPassword } from '../login/NewPassword'
import { SignIn } from '../login/SignIn'
import { ErrorPanel } from '../ui/ErrorPanel'
import { Spinner } from '../ui/Spinner'
import { ToastProvider } from '../ui/Toasts'
import { Shell } from './Shell'

type Standing =
  | { is: 'asking' }
  | { is: 'failed'; error: ApiError }
  | { is: 'signed out'; expired: boolean }
  | { is: 'signed in'; session: Session; password: string | null }

/** Decides between log-in, the forced new password and the console itself. */
export function App() {
  const api = useMemo(() => new Api(), [])
  const [standing, setStanding] = useState<Standing>({ is: 'asking' })

  const ask = useCallback(
    (signal?: AbortSignal) => {
      setStanding({ is: 'asking' })
      fetchSession(api, signal).then(
        (session) => setStanding({ is: 'signed in', session, password: null }),
        (cause: unknown) => {
          if (signal?.aborted) return
          const error = toApiError(cause)
          setStanding(error.status === 401 ? { is: 'signed out', expired: false } : { is: 'failed', error })
        },
      )
    },
    [api],
  )

  useEffect(() => {
    api.onSignedOut = () =>
      setStanding((old) => ({ is: 'signed out', expired: old.is === 'signed in' }))
    api.onPasswordRequired = () =>
      setStanding((old) =>
        old.is === 'signed in'
          ? {
              ...old,
              session: { ...old.session, operator: { ...old.session.operator, must_change_password: true } },
            }
          : old,
      )
    const abort = new AbortController()
    ask(abort.signal)
    return () => abort.abort()
  }, [api, ask])

  return (
    <ApiContext.Provider value={api}>
      <ToastProvider>{body()}</ToastProvider>
    </ApiContext.Provider>
  )

  function body() {
    switch (standing.is) {
      case 'asking':
        return (
          <div className="fill-center">
            <Spinner label="Loading the console" />
          </div>
        )
      case 'failed':
        return (
          <div className="fill-center">
            <ErrorPanel title="The console could not start" error={standing.error} onRetry={() => ask()} />
          </div>
        )
      case 'signed out':
        return (
          <SignIn
            expired={standing.expired}
            onSignedIn={(session, password) => setStanding({ is: 'signed in', session, password })}
          />
        )
      case 'signed in':
        return standing.session.operator.must_change_password ? (
          <NewPassword
            session={standing.session}
            current={standing.password}
            onChanged={(session) => setStanding({ is: 'signed in', session, password: null })}
            onSignedOut={() => setStanding({ is: 'signed out', expired: false })}
          />
        ) : (
          <Shell session={standing.session} onSignedOut={() => setStanding({ is: 'signed out', expired: false })} />
        )
    }
  }
}
