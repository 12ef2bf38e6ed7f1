import type { ReactNode } from 'react'
import { Icon } from './Icon'

interface NoticeProps {
  tone: 'info' | 'warn' | 'danger' | 'locked'
  title?: string
  children?: ReactNode
  /** Announced at once by screen readers. */
  alert?: boolean
}

/** A banner inside a page or dialog. */
export function Notice({ tone, title, children, alert = false }: NoticeProps) {
  const icon = tone === 'info' ? 'info' : tone === 'locked' ? 'lock' : 'warn'
  return (
    <div className={`notice ${tone}`} role={alert ? 'alert' : undefined}>
      <Icon name={icon} />
      <div className="notice-text">
        {title && <p className="notice-title">{title}</p>}
        {children}
      </div>
    </div>
  )
}
