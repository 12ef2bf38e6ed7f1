import { createContext, useCallback, useContext, useMemo, useState, type ReactNode } from 'react'
import type { ApiError } from '../api/client'
import { Icon } from './Icon'
import { sentence } from './words'

interface Toast {
  id: number
  tone: 'ok' | 'danger'
  title: string
  text: string | null
}

interface ToastApi {
  say: (title: string) => void
  fail: (title: string, error: ApiError) => void
}

const ToastContext = createContext<ToastApi | null>(null)

/** How long a good message stays, in milliseconds. Failures stay until they are closed. */
const SHOWN_MS = 3500

let lastId = 0

/** Short messages at the bottom of the window. */
export function ToastProvider({ children }: { children: ReactNode }) {
  const [toasts, setToasts] = useState<Toast[]>([])
  const drop = useCallback((id: number) => setToasts((all) => all.filter((toast) => toast.id !== id)), [])

  const toastApi = useMemo<ToastApi>(() => {
    const show = (toast: Omit<Toast, 'id'>) => {
      lastId += 1
      const id = lastId
      setToasts((all) => [...all.slice(-3), { ...toast, id }])
      return id
    }
    return {
      say: (title) => {
        const id = show({ tone: 'ok', title, text: null })
        setTimeout(() => drop(id), SHOWN_MS)
      },
      fail: (title, error) => {
        show({ tone: 'danger', title, text: sentence(error.message) })
      },
    }
  }, [drop])

  return (
    <ToastContext.Provider value={toastApi}>
      {children}
      <div className="toasts" aria-live="polite">
        {toasts.map((toast) => (
          <div key={toast.id} className={`toast ${toast.tone}`} role={toast.tone === 'danger' ? 'alert' : 'status'}>
            <Icon name={toast.tone === 'ok' ? 'check' : 'warn'} />
            <div>
              <p className="strong">{toast.title}</p>
              {toast.text && <p className="muted">{toast.text}</p>}
            </div>
            <button type="button" className="icon-button" aria-label="Dismiss" onClick={() => drop(toast.id)}>
              <Icon name="close" />
            </button>
          </div>
        ))}
      </div>
    </ToastContext.Provider>
  )
}

export function useToast(): ToastApi {
  const toast = useContext(ToastContext)
  if (toast === null) throw new Error('useToast needs a ToastProvider above it')
  return toast
}
