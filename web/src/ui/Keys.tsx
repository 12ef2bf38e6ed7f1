const isMac = typeof navigator !== 'undefined' && /Mac|iPhone|iPad/.test(navigator.userAgent)

/** Key caps; "Mod" is ⌘ on Apple machines and Ctrl elsewhere. */
export function Keys({ keys }: { keys: string }) {
  return (
    <span className="keys">
      {keys.split(' ').map((part) => (
        <kbd key={part}>{part.replace('Mod+', isMac ? '⌘' : 'Ctrl ').replace('Enter', '↵')}</kbd>
      ))}
    </span>
  )
}
