const PATHS = {
  users: 'M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7ZM2.5 20a6.5 6.5 0 0 1 13 0M16 4.3a3.5 3.5 0 0 1 0 6.4M18.5 14.6A6.5 6.5 0 0 1 21.5 20',
  table: 'M3.5 5.5h17v13h-17zM3.5 10h17M9.5 10v8.5',
  terminal: 'M3.5 5.5h17v13h-17zM7 9.5l3 2.5-3 2.5M12.5 15H17',
  search: 'M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13ZM15.5 15.5 20.5 20.5',
  plus: 'M12 5v14M5 12h14',
  close: 'M6 6l12 12M18 6 6 18',
  copy: 'M9 9h10.5v10.5H9zM15 5.5V4.5H4.5V15h1',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  download: 'M12 4v11M7.5 11l4.5 4.5 4.5-4.5M4.5 19.5h15',
  refresh: 'M19.5 12a7.5 7.5 0 1 1-2.3-5.4M19.5 4v4h-4',
  warn: 'M12 4.5 21 19.5H3zM12 10v4.5M12 16.8v.4',
  info: 'M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17ZM12 11v5M12 7.8v.4',
  lock: 'M5.5 10.5h13v9.5h-13zM8.5 10.5V8a3.5 3.5 0 0 1 7 0v2.5',
  key: 'M8 18.5a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM11 12l8.5-8M16 7.5l2.5 2.5',
  link: 'M10 14a4 4 0 0 0 5.7 0l3-3A4 4 0 0 0 13 5.3l-1 1M14 10a4 4 0 0 0-5.7 0l-3 3A4 4 0 0 0 11 18.7l1-1',
  play: 'M7.5 5.5v13l11-6.5z',
  stop: 'M7 7h10v10H7z',
  history: 'M4.5 12a7.5 7.5 0 1 0 2.3-5.4M4.5 4v4h4M12 8v4.5l3 2',
  filter: 'M4 6h16M7 12h10M10 18h4',
  down: 'M6.5 9.5 12 15l5.5-5.5',
  back: 'M14.5 6 8.5 12l6 6',
  up: 'M6.5 14.5 12 9l5.5 5.5',
  trash: 'M5 7h14M9.5 7V4.5h5V7M7 7l.8 12.5h8.4L17 7',
  edit: 'M5 19l1-4L16 5l3 3L9 18z',
  sun: 'M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM12 2.5V5M12 19v2.5M2.5 12H5M19 12h2.5M5.3 5.3 7 7M17 17l1.7 1.7M5.3 18.7 7 17M17 7l1.7-1.7',
  moon: 'M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10Z',
  contrast: 'M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17ZM12 3.5v17M12 8h6.5M12 12h8.5M12 16h6.5',
  keyboard: 'M2.5 6.5h19v11h-19zM6 10h.1M9 10h.1M12 10h.1M15 10h.1M18 10h.1M6 14h.1M9 14h6M18 14h.1',
  exit: 'M13.5 4.5h-8v15h8M10 12h10M16.5 8.5 20 12l-3.5 3.5',
  ban: 'M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17ZM6 6l12 12',
  arch: 'M4.5 20.5V12a7.5 7.5 0 0 1 15 0v8.5M9.5 20.5V12.5a2.5 2.5 0 0 1 5 0v8',
  external: 'M13.5 4.5h6v6M19.5 4.5l-9 9M17 13.5v6H4.5V7h6',
} as const

export type IconName = keyof typeof PATHS

/** A 16 px line icon, invisible to screen readers: the control around it carries the name. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 24 24" width="16" height="16" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  )
}
