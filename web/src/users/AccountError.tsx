import type { ApiError } from '../api/client'
import { Link } from '../shell/Link'
import { sqlPath } from '../shell/routes'
import { CopyButton } from '../ui/Copy'
import { Notice } from '../ui/Notice'
import { databaseCause, factsOf, lookupQuery } from './failure'
import { sentence } from '../ui/words'

/** The field that an error is about, so that it can stand beside it. */
export function fieldOf(error: ApiError): 'email' | 'phone' | 'password' | null {
  switch (error.code) {
    case 'email_exists':
    case 'email_address_invalid':
    case 'email_address_not_authorized':
      return 'email'
    case 'phone_exists':
      return 'phone'
    case 'weak_password':
      return 'password'
    default:
      return null
  }
}

/** A refused change of an account. When the database refused, it says what and where. */
export function AccountError({ title, error }: { title: string; error: ApiError }) {
  const cause = databaseCause(error)
  if (cause === null)
    return (
      <Notice tone="danger" alert title={title}>
        <p>{sentence(error.message)}</p>
        {error.hint && <p>{sentence(error.hint)}</p>}
        <p className="small">
          <code>{error.code}</code>
        </p>
      </Notice>
    )
  const query = lookupQuery(cause)
  return (
    <Notice tone="danger" alert title={title}>
      <p>
        {cause.function ? (
          <>
            The database function <code>{cause.function}</code> failed, and everything was rolled back.
          </>
        ) : (
          'The database refused it, and everything was rolled back.'
        )}
      </p>
      {cause.message && (
        <pre className="cause">{[cause.message, cause.detail].filter(Boolean).join('\n')}</pre>
      )}
      <dl className="facts">
        {factsOf(cause).map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              <code>{value}</code>
            </dd>
          </div>
        ))}
      </dl>
      {cause.hint && <p>{cause.hint}</p>}
      <p className="small">Clients of your app see only “{error.message}”.</p>
      <div className="notice-tools">
        {query && (
          <Link className="button" to={sqlPath()} state={{ query }}>
            <span className="button-text">Show the function in the SQL Editor</span>
          </Link>
        )}
        <CopyButton text={JSON.stringify(error.detail, null, 2)} label="Copy the error">
          Copy
        </CopyButton>
      </div>
    </Notice>
  )
}
