import type { ReactNode } from 'react'
import { Icon } from '../ui/Icon'
import './login.css'

interface EntranceProps {
  title: string
  lead: string
  onSubmit: () => void
  children: ReactNode
}

/** The frame of the pages before the console. */
export function Entrance({ title, lead, onSubmit, children }: EntranceProps) {
  return (
    <main className="entrance">
      <form
        className="entrance-card"
        onSubmit={(event) => {
          event.preventDefault()
          onSubmit()
        }}
      >
        <header>
          <span className="entrance-mark">
            <Icon name="arch" />
          </span>
          <div>
            <h1>{title}</h1>
            <p className="muted">{lead}</p>
          </div>
        </header>
        {children}
      </form>
    </main>
  )
}
