import { useId, type KeyboardEvent, type ReactNode } from 'react'

export interface Tab {
  id: string
  label: string
  count?: number | null
}

interface TabsProps {
  label: string
  tabs: readonly Tab[]
  current: string
  onPick: (id: string) => void
  children: ReactNode
}

/** Tabs with arrow keys; `children` is the panel of the current one. */
export function Tabs({ label, tabs, current, onPick, children }: TabsProps) {
  const base = useId()

  function onKey(event: KeyboardEvent<HTMLDivElement>) {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0
    if (step === 0) return
    event.preventDefault()
    const at = tabs.findIndex((tab) => tab.id === current)
    const next = tabs[(at + step + tabs.length) % tabs.length]
    if (!next) return
    onPick(next.id)
    event.currentTarget.querySelector<HTMLElement>(`[data-tab="${CSS.escape(next.id)}"]`)?.focus()
  }

  return (
    <>
      <div className="tabs" role="tablist" aria-label={label} onKeyDown={onKey}>
        {tabs.map((tab) => (
          <button
            key={tab.id}
            type="button"
            role="tab"
            data-tab={tab.id}
            id={`${base}-${tab.id}`}
            aria-selected={tab.id === current}
            aria-controls={`${base}-panel`}
            tabIndex={tab.id === current ? 0 : -1}
            className="tab"
            onClick={() => onPick(tab.id)}
          >
            {tab.label}
            {tab.count !== undefined && tab.count !== null && <span className="tab-count">{tab.count}</span>}
          </button>
        ))}
      </div>
      <div className="tab-panel" role="tabpanel" id={`${base}-panel`} aria-labelledby={`${base}-${current}`}>
        {children}
      </div>
    </>
  )
}
