import { useEffect, useId, useRef, useState, type KeyboardEvent, type ReactNode } from 'react'
import { Icon, type IconName } from './Icon'

export interface MenuItem {
  label: string
  icon?: IconName
  danger?: boolean
  disabled?: boolean
  onPick: () => void
}

interface MenuProps {
  label: string
  face: ReactNode
  className?: string
  items?: MenuItem[]
  /** Shown instead of, or above, the items. */
  panel?: ReactNode
}

/** A button that opens a small panel or a list of actions. */
export function Menu({ label, face, className = '', items, panel }: MenuProps) {
  const [open, setOpen] = useState(false)
  const box = useRef<HTMLDivElement>(null)
  const id = useId()

  useEffect(() => {
    if (!open) return
    box.current?.querySelector<HTMLElement>('[role="menuitem"]:not(:disabled)')?.focus()
    function outside(event: PointerEvent) {
      if (event.target instanceof Node && !box.current?.contains(event.target)) setOpen(false)
    }
    window.addEventListener('pointerdown', outside)
    return () => window.removeEventListener('pointerdown', outside)
  }, [open])

  function onKey(event: KeyboardEvent) {
    if (!open) return
    if (event.key === 'Escape') {
      event.preventDefault()
      event.stopPropagation()
      setOpen(false)
      box.current?.querySelector<HTMLElement>('button')?.focus()
      return
    }
    if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return
    event.preventDefault()
    const all = [...(box.current?.querySelectorAll<HTMLElement>('[role="menuitem"]:not(:disabled)') ?? [])]
    const at = all.findIndex((item) => item === document.activeElement)
    const step = event.key === 'ArrowDown' ? 1 : -1
    all[(at + step + all.length) % all.length]?.focus()
  }

  return (
    <div className={`menu ${className}`} ref={box} onKeyDown={onKey}>
      <button
        type="button"
        className="menu-face"
        aria-label={label}
        aria-haspopup={items ? 'menu' : 'true'}
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        onClick={() => setOpen(!open)}
      >
        {face}
      </button>
      {open && (
        <div className="menu-panel" id={id}>
          {panel}
          {items && (
            <div role="menu" aria-label={label}>
              {items.map((item) => (
                <button
                  key={item.label}
                  type="button"
                  role="menuitem"
                  className={`menu-item ${item.danger ? 'danger' : ''}`}
                  disabled={item.disabled}
                  onClick={() => {
                    setOpen(false)
                    item.onPick()
                  }}
                >
                  {item.icon && <Icon name={item.icon} />}
                  {item.label}
                </button>
              ))}
            </div>
          )}
        </div>
      )}
    </div>
  )
}
