import type { CheckedStatement } from '../api/sql'
import { Button } from '../ui/Button'
import { Dialog } from '../ui/Dialog'
import { count } from '../ui/time'
import { sentence } from '../ui/words'

interface WarningsDialogProps {
  statements: CheckedStatement[]
  onClose: () => void
  onRun: () => void
}

/** Asks before statements run that destroy or change more than they may seem to. */
export function WarningsDialog({ statements, onClose, onRun }: WarningsDialogProps) {
  const warned = statements.filter(({ warnings }) => warnings.length > 0)
  return (
    <Dialog
      title={`${count(warned.length, 'statement')} to look at before running`}
      wide
      onClose={onClose}
      onSubmit={onRun}
      foot={
        <>
          <Button onClick={onClose} autoFocus>
            Cancel
          </Button>
          <Button type="submit" look="danger">
            Run anyway
          </Button>
        </>
      }
    >
      <ul className="warned">
        {warned.map((statement, index) => (
          <li key={index}>
            {statement.warnings.map(({ message }, at) => (
              <p key={at} className="strong">
                {sentence(message)}
              </p>
            ))}
            <pre className="code-block">{statement.text}</pre>
          </li>
        ))}
      </ul>
    </Dialog>
  )
}
