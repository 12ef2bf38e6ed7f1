import type { ButtonHTMLAttributes } from 'react'
import { Icon, type IconName } from './Icon'

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: 'default' | 'primary' | 'danger' | 'ghost'
  icon?: IconName
  /** Under way: the button shows it and takes no clicks. */
  busy?: boolean
}

/** The button of the console. */
export function Button({ look = 'default', icon, busy = false, className = '', disabled, children, ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      {...rest}
      className={`button ${look} ${className}`}
      disabled={disabled || busy}
      aria-busy={busy || undefined}
    >
      {busy ? <span className="spinner" aria-hidden="true" /> : icon && <Icon name={icon} />}
      {children !== undefined && <span className="button-text">{children}</span>}
    </button>
  )
}
