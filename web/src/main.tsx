import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './shell/App'
import { applyTheme, readTheme } from './shell/theme'
import './ui/tokens.css'
import './ui/base.css'
import './ui/buttons.css'
import './ui/forms.css'
import './ui/labels.css'
import './ui/notices.css'
import './ui/dialogs.css'
import './ui/menus.css'
import './ui/tabs.css'
import './ui/toasts.css'
import './ui/pages.css'

applyTheme(readTheme())

const root = document.getElementById('root')
if (root) {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  )
}
