import type { AnchorHTMLAttributes, MouseEvent } from 'react'
import { navigate } from './location'

interface LinkProps extends AnchorHTMLAttributes<HTMLAnchorElement> {
  to: string
  state?: unknown
}

/** A link inside the console: a plain anchor that does not reload the page. */
export function Link({ to, state, onClick, ...rest }: LinkProps) {
  function follow(event: MouseEvent<HTMLAnchorElement>) {
    onClick?.(event)
    const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey
    if (event.defaultPrevented || !plain) return
    event.preventDefault()
    navigate(to, { state })
  }
  return <a href={to} onClick={follow} {...rest} />
}
