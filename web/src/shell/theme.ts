/** Light, dark or as the system says; remembered in this browser. */

export type Theme = 'system' | 'light' | 'dark'

const KEY = 'vestibule.theme'

export function readTheme(): Theme {
  try {
    const stored = localStorage.getItem(KEY)
    return stored === 'light' || stored === 'dark' ? stored : 'system'
  } catch {
    return 'system'
  }
}

export function applyTheme(theme: Theme): void {
  const root = document.documentElement
  if (theme === 'system') root.removeAttribute('data-theme')
  else root.setAttribute('data-theme', theme)
}

export function saveTheme(theme: Theme): void {
  applyTheme(theme)
  try {
    if (theme === 'system') localStorage.removeItem(KEY)
    else localStorage.setItem(KEY, theme)
  } catch {
    // private browsing without storage: the choice lasts as long as the page
  }
}

/** The order in which the toggle walks through the themes. */
export function nextTheme(theme: Theme): Theme {
  if (theme === 'system') return 'light'
  return theme === 'light' ? 'dark' : 'system'
}
