import { useState } from 'react'
import { toApiError, type ApiError } from '../api/client'
import { useApi } from '../api/context'
import { insertRow, type Column, type Row, type TableDetail } from '../api/tables'
import { Button } from '../ui/Button'
import { Dialog } from '../ui/Dialog'
import { Notice } from '../ui/Notice'
import { useToast } from '../ui/Toasts'
import { isWritable, valueOf, valueProblem } from './values'
import { ValueInput, type Entry } from './ValueInput'
import { sentence } from '../ui/words'

interface InsertDialogProps {
  detail: TableDetail
  onClose: () => void
  onInserted: () => void
}

/** What a column starts with: its default, else NULL, else nothing typed yet. */
function startOf(column: Column): Entry {
  if (column.default !== null) return { is: 'default' }
  return column.nullable ? { is: 'null' } : { is: 'value', text: '' }
}

/** A new row, column by column. */
export function InsertDialog({ detail, onClose, onInserted }: InsertDialogProps) {
  const api = useApi()
  const toast = useToast()
  const columns = detail.columns.filter(isWritable)
  const [entries, setEntries] = useState<Record<string, Entry>>(() =>
    Object.fromEntries(columns.map((column) => [column.name, startOf(column)])),
  )
  const [error, setError] = useState<ApiError | null>(null)
  const [busy, setBusy] = useState(false)

  const problemOf = (column: Column) => {
    const entry = entries[column.name]
    return entry?.is === 'value' ? valueProblem(entry.text, column.type) : null
  }

  async function submit() {
    if (busy || columns.some((column) => problemOf(column) !== null)) return
    const values: Row = {}
    for (const { name, type } of columns) {
      const entry = entries[name]
      if (entry?.is === 'value') values[name] = valueOf(entry.text, type)
      else if (entry?.is === 'null') values[name] = null
    }
    setBusy(true)
    setError(null)
    try {
      await insertRow(api, detail.schema, detail.name, values)
      toast.say('Row inserted')
      onInserted()
    } catch (cause) {
      setError(toApiError(cause))
      setBusy(false)
    }
  }

  return (
    <Dialog
      title={`Insert row into ${detail.name}`}
      wide
      onClose={onClose}
      onSubmit={() => void submit()}
      foot={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" look="primary" busy={busy}>
            Insert row
          </Button>
        </>
      }
    >
      {error && (
        <Notice tone="danger" alert title="The row was not inserted">
          <p>{sentence(error.message)}</p>
          {error.hint && <p>{sentence(error.hint)}</p>}
        </Notice>
      )}
      {columns.map((column) => (
        <ValueInput
          key={column.name}
          label={column.name}
          column={column}
          entry={entries[column.name] ?? startOf(column)}
          problem={problemOf(column)}
          allowDefault={column.default !== null}
          onChange={(entry) => setEntries((old) => ({ ...old, [column.name]: entry }))}
          onSubmit={() => void submit()}
        />
      ))}
    </Dialog>
  )
}
