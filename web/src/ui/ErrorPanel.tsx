import type { ApiError } from '../api/client'
import { Button } from './Button'
import { Icon } from './Icon'
import { sentence } from './words'

interface ErrorPanelProps {
  title: string
  error: ApiError
  onRetry?: () => void
}

/** What stands where content should be when it could not be loaded. */
export function ErrorPanel({ title, error, onRetry }: ErrorPanelProps) {
  return (
    <div className="empty" role="alert">
      <span className="empty-icon danger">
        <Icon name="warn" />
      </span>
      <h2>{title}</h2>
      <p className="muted">{sentence(error.message)}</p>
      {error.hint && <p className="muted">{sentence(error.hint)}</p>}
      <p className="small faint">
        <code>{error.status === 0 ? error.code : `${error.status} ${error.code}`}</code>
      </p>
      {onRetry && (
        <Button icon="refresh" onClick={onRetry}>
          Try again
        </Button>
      )}
    </div>
  )
}
