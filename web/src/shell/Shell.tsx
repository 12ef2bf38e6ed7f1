import { lazy, Suspense, useState } from 'react'
import { isAllowed, RoleContext } from '../api/access'
import { useApi } from '../api/context'
import { toApiError } from '../api/client'
import { useResource } from '../api/resource'
import { fetchProject, signOut, type Project, type Session } from '../api/session'
import { ChangePasswordDialog } from '../login/ChangePasswordDialog'
import { CopyButton } from '../ui/Copy'
import { Icon, type IconName } from '../ui/Icon'
import { Menu } from '../ui/Menu'
import { Spinner } from '../ui/Spinner'
import { useShortcuts } from '../ui/shortcuts'
import { useToast } from '../ui/Toasts'
import { UsersPage } from '../users/UsersPage'
import { Boundary } from './Boundary'
import { Link } from './Link'
import { navigate, usePlace } from './location'
import { parseRoute, sectionOf, sqlPath, tablesPath, usersPath, type Route } from './routes'
import { ShortcutsDialog } from './ShortcutsDialog'
import { nextTheme, readTheme, saveTheme, type Theme } from './theme'
import './shell.css'

const TablesPage = lazy(() => import('../tables/TablesPage'))
const SqlPage = lazy(() => import('../sql/SqlPage'))

const PAGES: { page: Route['page']; label: string; short: string; icon: IconName; to: string; keys: string }[] = [
  { page: 'users', label: 'Users', short: 'Users', icon: 'users', to: usersPath(), keys: 'g u' },
  { page: 'tables', label: 'Table Editor', short: 'Tables', icon: 'table', to: tablesPath(), keys: 'g t' },
  { page: 'sql', label: 'SQL Editor', short: 'SQL', icon: 'terminal', to: sqlPath(), keys: 'g s' },
]

interface ShellProps {
  session: Session
  onSignedOut: () => void
}

/** The frame around every page: project, navigation, operator menu, global keys. */
export function Shell({ session, onSignedOut }: ShellProps) {
  const api = useApi()
  const toast = useToast()
  const { path } = usePlace()
  const route = parseRoute(path)
  const project = useResource('project', (signal) => fetchProject(api, signal))
  const [theme, setTheme] = useState<Theme>(readTheme)
  const [dialog, setDialog] = useState<'shortcuts' | 'password' | null>(null)

  useShortcuts({
    '?': () => setDialog('shortcuts'),
    'g u': () => navigate(usersPath()),
    'g t': () => navigate(tablesPath()),
    'g s': () => navigate(sqlPath()),
  })

  function turnTheme() {
    const next = nextTheme(theme)
    saveTheme(next)
    setTheme(next)
  }

  async function leave() {
    try {
      await signOut(api)
      onSignedOut()
    } catch (cause) {
      const error = toApiError(cause)
      if (error.status === 401) onSignedOut()
      else toast.fail('Could not sign out', error)
    }
  }

  const operator = session.operator
  return (
    <RoleContext.Provider value={operator.role}>
      <div className="shell">
        <header className="rail">
          <ProjectHead project={project.data} />
          <nav className="rail-nav" aria-label="Main">
            {PAGES.map(({ page, label, short, icon, to, keys }) => (
              <Link
                key={page}
                to={to}
                className="rail-link"
                aria-label={label}
                aria-current={sectionOf(route) === page ? 'page' : undefined}
                title={`${label} (${keys})`}
              >
                <Icon name={icon} />
                <span className="rail-long">{label}</span>
                <span className="rail-short" aria-hidden="true">
                  {short}
                </span>
              </Link>
            ))}
          </nav>
          <div className="rail-foot">
            <button
              type="button"
              className="rail-tool"
              onClick={turnTheme}
              title={`Theme: ${theme}`}
              aria-label={`Theme: ${theme}. Change theme`}
            >
              <Icon name={theme === 'system' ? 'contrast' : theme === 'light' ? 'sun' : 'moon'} />
            </button>
            <button
              type="button"
              className="rail-tool rail-keys"
              onClick={() => setDialog('shortcuts')}
              title="Keyboard shortcuts (?)"
              aria-label="Keyboard shortcuts"
            >
              <Icon name="keyboard" />
            </button>
            <Menu
              label={`Operator ${operator.email}`}
              className="rail-operator"
              face={
                <>
                  <span className="avatar" aria-hidden="true">
                    {operator.email.slice(0, 1).toUpperCase()}
                  </span>
                  <span className="rail-who">
                    <span className="cut">{operator.email}</span>
                    <span className="muted small">{operator.role}</span>
                  </span>
                </>
              }
              items={[
                { label: 'Change your password', icon: 'key', onPick: () => setDialog('password') },
                { label: 'Sign out', icon: 'exit', onPick: () => void leave() },
              ]}
            />
          </div>
        </header>
        <main className="page" id="page">
          <Boundary key={sectionOf(route)}>
            <Suspense
              fallback={
                <div className="fill-center">
                  <Spinner label="Loading the page" />
                </div>
              }
            >
              <PageOf route={route} role={operator.role} />
            </Suspense>
          </Boundary>
        </main>
        {dialog === 'shortcuts' && <ShortcutsDialog onClose={() => setDialog(null)} />}
        {dialog === 'password' && <ChangePasswordDialog onClose={() => setDialog(null)} />}
      </div>
    </RoleContext.Provider>
  )
}

function PageOf({ route, role }: { route: Route; role: string }) {
  switch (route.page) {
    case 'users':
      return <UsersPage userId={route.user} />
    case 'tables':
      return <TablesPage schema={route.schema} table={route.table} />
    case 'advice':
      return <TablesPage schema={null} table={null} advising />
    case 'sql':
      return isAllowed(role, 'run sql') ? <SqlPage /> : <NotAllowed role={role} />
    case 'unknown':
      return (
        <div className="fill-center">
          <div className="empty">
            <h1>No such page</h1>
            <p className="muted">The address does not name anything in this console.</p>
            <Link className="button" to={usersPath()}>
              Go to Users
            </Link>
          </div>
        </div>
      )
  }
}

function NotAllowed({ role }: { role: string }) {
  return (
    <div className="fill-center">
      <div className="empty">
        <span className="empty-icon">
          <Icon name="lock" />
        </span>
        <h2>Your role cannot run SQL</h2>
        <p className="muted">You are signed in as {role}. An owner can give you another role.</p>
      </div>
    </div>
  )
}

function ProjectHead({ project }: { project: Project | null }) {
  return (
    <div className="rail-head">
      <Menu
        label="Project"
        className="rail-project"
        face={
          <>
            <Icon name="arch" />
            <span className="rail-who">
              <span className="cut strong">{project?.name ?? 'Vestibule'}</span>
              <span className="muted small cut">{project ? `Vestibule ${project.version}` : '\u00a0'}</span>
            </span>
          </>
        }
        panel={
          project && (
            <dl className="project-facts">
              <dt>API URL</dt>
              <dd>
                <code className="cut">{project.api_url}</code>
                <CopyButton text={project.api_url} label="Copy API URL" />
              </dd>
              <dt>Publishable key</dt>
              <dd>
                <code className="cut">{project.publishable_key}</code>
                <CopyButton text={project.publishable_key} label="Copy publishable key" />
              </dd>
              {project.mailbox_url && (
                <>
                  <dt>Mailbox</dt>
                  <dd>
                    <a href={project.mailbox_url} target="_blank" rel="noreferrer">
                      Open the mailbox
                    </a>
                  </dd>
                </>
              )}
            </dl>
          )
        }
      />
    </div>
  )
}
