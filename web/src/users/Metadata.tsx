import { useState } from 'react'
import { toApiError, type ApiError } from '../api/client'
import { useApi } from '../api/context'
import { updateUser, type User } from '../api/users'
import { Button } from '../ui/Button'
import { parseJsonObject, pretty } from '../ui/json'
import { JsonField } from '../ui/JsonField'
import { useToast } from '../ui/Toasts'
import { AccountError } from './AccountError'

interface MetadataProps {
  user: User
  editable: boolean
  onChanged: (user: User) => void
}

/** Both metadata objects, edited as JSON. */
export function Metadata({ user, editable, onChanged }: MetadataProps) {
  return (
    <div className="metadata">
      <Editor
        field="user_metadata"
        label="User metadata"
        hint="Column raw_user_meta_data. The user can change it; never base permissions on it."
        user={user}
        editable={editable}
        onChanged={onChanged}
      />
      <Editor
        field="app_metadata"
        label="App metadata"
        hint="Column raw_app_meta_data. Only operators and servers can change it; it is part of each token."
        user={user}
        editable={editable}
        onChanged={onChanged}
      />
    </div>
  )
}

interface EditorProps extends MetadataProps {
  field: 'user_metadata' | 'app_metadata'
  label: string
  hint: string
}

function Editor({ field, label, hint, user, editable, onChanged }: EditorProps) {
  const api = useApi()
  const toast = useToast()
  const saved = pretty(user[field] ?? {})
  const [draft, setDraft] = useState<string | null>(null)
  const [error, setError] = useState<ApiError | null>(null)
  const [busy, setBusy] = useState(false)
  const text = draft ?? saved
  const parsed = parseJsonObject(text)
  const changed = parsed.ok ? pretty(parsed.value) !== saved : true

  async function save() {
    if (!parsed.ok || busy) return
    setBusy(true)
    setError(null)
    try {
      onChanged(await updateUser(api, user.id, { [field]: parsed.value }))
      setDraft(null)
      toast.say(`${label} saved`)
    } catch (cause) {
      setError(toApiError(cause))
    } finally {
      setBusy(false)
    }
  }

  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        void save()
      }}
      onKeyDown={(event) => {
        if (event.key === 'Enter' && (event.metaKey || event.ctrlKey) && changed) {
          event.preventDefault()
          void save()
        }
      }}
    >
      {error && <AccountError title={`${label} was not saved`} error={error} />}
      <JsonField
        label={label}
        rows={Math.min(18, Math.max(5, text.split('\n').length + 1))}
        value={text}
        hint={hint}
        readOnly={!editable}
        onChange={setDraft}
      />
      {editable && (
        <div className="form-tools">
          <Button type="submit" look="primary" busy={busy} disabled={!parsed.ok || !changed}>
            {`Save ${label.toLowerCase()}`}
          </Button>
          <Button disabled={draft === null || busy} onClick={() => setDraft(null)}>
            Discard
          </Button>
          <Button
            look="ghost"
            disabled={!parsed.ok || busy}
            onClick={() => parsed.ok && setDraft(pretty(parsed.value))}
          >
            Format
          </Button>
        </div>
      )}
    </form>
  )
}
