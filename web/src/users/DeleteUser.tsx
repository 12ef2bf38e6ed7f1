import { useState } from 'react'
import { toApiError, type ApiError } from '../api/client'
import { useApi } from '../api/context'
import { deleteUser, type OwnedObjects, type User } from '../api/users'
import { Link } from '../shell/Link'
import { rowsWhere } from '../shell/routes'
import { Button } from '../ui/Button'
import { CopyButton } from '../ui/Copy'
import { Dialog } from '../ui/Dialog'
import { Field } from '../ui/Field'
import { Notice } from '../ui/Notice'
import { count } from '../ui/time'
import { useToast } from '../ui/Toasts'
import { AccountError } from './AccountError'
import { userTitle } from './describe'
import { ownedObjects } from './failure'
import { sentence } from '../ui/words'

interface DeleteUserProps {
  user: User
  owned: OwnedObjects
  sessions: number
  onClose: () => void
  onDeleted: () => void
}

/** Deleting, with its consequences named first and the way out when the database refuses. */
export function DeleteUser({ user, owned, sessions, onClose, onDeleted }: DeleteUserProps) {
  const api = useApi()
  const toast = useToast()
  const [soft, setSoft] = useState(false)
  const [typed, setTyped] = useState('')
  const [error, setError] = useState<ApiError | null>(null)
  const [busy, setBusy] = useState(false)
  const wanted = userTitle(user)

  async function submit() {
    if (typed.trim() !== wanted || busy) return
    setBusy(true)
    setError(null)
    try {
      await deleteUser(api, user.id, soft)
      toast.say('User deleted')
      onDeleted()
    } catch (cause) {
      setError(toApiError(cause))
      setBusy(false)
    }
  }

  const refused = error && ownedObjects(error)
  const files = refused ?? {
    total: owned.total,
    buckets: owned.buckets.map(({ bucket, objects }): [string, number] => [bucket, objects]),
  }
  return (
    <Dialog
      title="Delete user"
      onClose={onClose}
      onSubmit={() => void submit()}
      foot={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" look="danger" busy={busy} disabled={typed.trim() !== wanted}>
            Delete user
          </Button>
        </>
      }
    >
      {error && !refused && <AccountError title="The user was not deleted" error={error} />}
      {files.total > 0 && <FilesInTheWay user={user} files={files} message={refused ? (error?.message ?? null) : null} />}
      <fieldset className="choices stacked">
        <legend>What happens to the account</legend>
        <label>
          <input type="radio" name="way" checked={!soft} onChange={() => setSoft(false)} />
          <span>
            Delete for good
            <span className="field-note">
              Removes the account and every row that refers to it with “on delete cascade”.
            </span>
          </span>
        </label>
        <label>
          <input type="radio" name="way" checked={soft} onChange={() => setSoft(true)} />
          <span>
            Soft delete
            <span className="field-note">
              Keeps the row and its ID so that references hold; email, phone, metadata and password are erased.
            </span>
          </span>
        </label>
      </fieldset>
      <ul className="consequences">
        <li>
          {sessions === 0 ? 'There is no session to end.' : `${count(sessions, 'session')} will end; refreshing stops at once.`}
        </li>
        <li>Access tokens already issued stay valid in the data API until they expire.</li>
        <li>This cannot be undone.</li>
      </ul>
      <Field
        label={`Type ${wanted} to confirm`}
        value={typed}
        autoComplete="off"
        spellCheck={false}
        onChange={(event) => setTyped(event.target.value)}
      />
    </Dialog>
  )
}

interface FilesProps {
  user: User
  files: { total: number; buckets: [string, number][] }
  /** The server's words, once it has refused. */
  message: string | null
}

function FilesInTheWay({ user, files, message }: FilesProps) {
  const [heir, setHeir] = useState('')
  const command = `vestibule storage reassign --from ${user.id} --to ${heir.trim() === '' ? '<user-id>' : heir.trim()}`
  return (
    <Notice
      tone={message ? 'danger' : 'warn'}
      alert={message !== null}
      title={
        message
          ? 'The user was not deleted'
          : `This user owns ${count(files.total, 'object')}; deleting will be refused`
      }
    >
      {message ? (
        <p>{sentence(message)}.</p>
      ) : (
        <ul className="bucket-list">
          {files.buckets.map(([bucket, objects]) => (
            <li key={bucket}>
              <code>{bucket}</code> {count(objects, 'object')}
            </li>
          ))}
        </ul>
      )}
      <p>
        Remove the files through the Storage API (
        <Link to={rowsWhere('storage', 'objects', 'owner_id', user.id)}>see them</Link>), or give them to another user:
      </p>
      <Field
        label="New owner's user ID"
        value={heir}
        autoComplete="off"
        spellCheck={false}
        onChange={(event) => setHeir(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Enter') event.preventDefault()
        }}
      />
      <div className="command">
        <code>{command}</code>
        <CopyButton text={command} label="Copy command" />
      </div>
    </Notice>
  )
}
