import { useEffect, useState, type ReactNode } from 'react'
import { copyText } from './clipboard'
import { Icon } from './Icon'

function useCopied(): [boolean, (text: string) => void] {
  const [copied, setCopied] = useState(false)
  useEffect(() => {
    if (!copied) return
    const timer = setTimeout(() => setCopied(false), 1400)
    return () => clearTimeout(timer)
  }, [copied])
  return [copied, (text) => void copyText(text).then(setCopied)]
}

/** A small button that copies `text`. */
export function CopyButton({ text, label, children }: { text: string; label: string; children?: ReactNode }) {
  const [copied, copy] = useCopied()
  return (
    <button
      type="button"
      className={children ? 'button' : 'icon-button'}
      aria-label={copied ? 'Copied' : label}
      title={label}
      onClick={() => copy(text)}
    >
      <Icon name={copied ? 'check' : 'copy'} />
      {children && <span className="button-text">{copied ? 'Copied' : children}</span>}
    </button>
  )
}

/** A value that copies itself when clicked. */
export function CopyValue({ text, label, children }: { text: string; label: string; children?: ReactNode }) {
  const [copied, copy] = useCopied()
  return (
    <button type="button" className="copy-value" title={`Copy ${label}`} onClick={() => copy(text)}>
      <span className="copy-value-text">{children ?? text}</span>
      <span className="copy-value-mark" aria-live="polite">
        {copied ? 'Copied' : <Icon name="copy" />}
      </span>
    </button>
  )
}
