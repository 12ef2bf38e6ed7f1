import { useId, useRef } from 'react'
import { ApiError, errorFromBody } from '../api/client'
import { useApi } from '../api/context'
import { SQL_CSV } from '../api/sql'
import { Button } from '../ui/Button'
import { useToast } from '../ui/Toasts'

/**
 * Downloads the complete result. A form posts into a hidden frame, so that the browser streams the file to
 * disk; the frame loads a page only when the server refused, and then that page is the error.
 */
export function ExportButton({ query }: { query: string }) {
  const api = useApi()
  const toast = useToast()
  const form = useRef<HTMLFormElement>(null)
  const token = useRef<HTMLInputElement>(null)
  const sent = useRef(false)
  const frame = `export-${useId().replace(/[^a-zA-Z0-9-]/g, '')}`

  function start() {
    if (!form.current || !token.current) return
    token.current.value = api.csrf
    sent.current = true
    form.current.submit()
  }

  function refused(frameElement: HTMLIFrameElement) {
    if (!sent.current) return
    sent.current = false
    const body = frameElement.contentDocument?.body?.textContent ?? ''
    const error =
      body.trim() === ''
        ? new ApiError({ status: 0, code: 'export_refused', message: 'Run the query to see why.' })
        : errorFromBody(400, body, null)
    if (error.code === 'not_signed_in') api.onSignedOut()
    toast.fail('The export was refused', error)
  }

  return (
    <>
      <Button icon="download" title="Runs this statement again and downloads every row" onClick={start}>
        Export CSV
      </Button>
      <form ref={form} method="post" action={SQL_CSV} target={frame} hidden>
        <input type="hidden" name="query" value={query} />
        <input type="hidden" name="csrf_token" ref={token} />
      </form>
      <iframe name={frame} title="Download" hidden onLoad={(event) => refused(event.currentTarget)} />
    </>
  )
}
