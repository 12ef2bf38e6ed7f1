import { useState } from 'react'
import { Button } from '../ui/Button'
import { Dialog } from '../ui/Dialog'
import { count } from '../ui/time'

interface DeleteRowsProps {
  count: number
  table: string
  onClose: () => void
  onDelete: () => Promise<void>
}

/** Asks before rows go. */
export function DeleteRows({ count: rows, table, onClose, onDelete }: DeleteRowsProps) {
  const [busy, setBusy] = useState(false)
  return (
    <Dialog
      title={`Delete ${count(rows, 'row')}?`}
      onClose={onClose}
      onSubmit={() => {
        setBusy(true)
        void onDelete()
      }}
      foot={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" look="danger" busy={busy}>
            {`Delete ${count(rows, 'row')}`}
          </Button>
        </>
      }
    >
      <p>
        From <code>{table}</code>, with everything that refers to {rows === 1 ? 'it' : 'them'} by “on delete cascade”. This
        cannot be undone.
      </p>
    </Dialog>
  )
}
