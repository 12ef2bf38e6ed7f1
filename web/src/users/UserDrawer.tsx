import { useEffect, useState } from 'react'
import { useMay } from '../api/access'
import { useApi } from '../api/context'
import { useResource } from '../api/resource'
import { fetchUser, type User, type UserDetail } from '../api/users'
import { setSearch, usePlace } from '../shell/location'
import { CopyButton } from '../ui/Copy'
import { ErrorPanel } from '../ui/ErrorPanel'
import { Icon } from '../ui/Icon'
import { pretty } from '../ui/json'
import { Menu, type MenuItem } from '../ui/Menu'
import { Spinner } from '../ui/Spinner'
import { Tabs } from '../ui/Tabs'
import { isFuture } from '../ui/time'
import { BanDialog } from './BanDialog'
import { DeleteUser } from './DeleteUser'
import { confirmedAt, displayName, userTitle } from './describe'
import { EditAccount } from './EditAccount'
import { Identities } from './Identities'
import { Metadata } from './Metadata'
import { Overview } from './Overview'
import { Sessions } from './Sessions'
import { useUserActions } from './useUserActions'
import { Badges } from './UsersTable'

interface UserDrawerProps {
  id: string
  onClose: () => void
  onChanged: (user: User) => void
  onDeleted: () => void
}

/** One user beside the list: tabs, and every action on the account. */
export function UserDrawer({ id, onClose, onChanged, onDeleted }: UserDrawerProps) {
  const api = useApi()
  const detail = useResource(`user ${id}`, (signal) => fetchUser(api, id, signal))

  useEffect(() => {
    if (detail.data) document.title = `${userTitle(detail.data.user)} · Vestibule`
    return () => {
      document.title = 'Users · Vestibule'
    }
  }, [detail.data])

  return (
    <section
      className="drawer"
      aria-label="User details"
      data-own-keys
      onKeyDown={(event) => {
        if (event.key !== 'Escape' || event.defaultPrevented || document.querySelector('dialog[open]')) return
        event.preventDefault()
        onClose()
      }}
    >
      {detail.data ? (
        <Loaded
          detail={detail.data}
          onClose={onClose}
          onDeleted={onDeleted}
          onChanged={(user) => {
            onChanged(user)
            detail.reload()
          }}
        />
      ) : (
        <>
          <div className="drawer-head">
            <span className="muted cut">{id}</span>
            <CloseButton onClose={onClose} />
          </div>
          {detail.error ? (
            <ErrorPanel
              title={detail.error.status === 404 ? 'There is no such user' : 'The user could not be loaded'}
              error={detail.error}
              onRetry={detail.reload}
            />
          ) : (
            <div className="fill-center">
              <Spinner label="Loading the user" />
            </div>
          )}
        </>
      )}
    </section>
  )
}

function CloseButton({ onClose }: { onClose: () => void }) {
  return (
    <button type="button" className="icon-button" aria-label="Close user" title="Close (Esc)" onClick={onClose}>
      <Icon name="close" />
    </button>
  )
}

interface LoadedProps {
  detail: UserDetail
  onClose: () => void
  onChanged: (user: User) => void
  onDeleted: () => void
}

function Loaded({ detail, onClose, onChanged, onDeleted }: LoadedProps) {
  const { user } = detail
  const { search } = usePlace()
  const [dialog, setDialog] = useState<'edit' | 'ban' | 'delete' | null>(null)
  const actions = useUserActions(user, onChanged)
  const mayManage = useMay('manage users')
  const banned = isFuture(user.banned_until)
  const name = displayName(user)

  const tabs = [
    { id: 'overview', label: 'Overview' },
    { id: 'metadata', label: 'Metadata' },
    { id: 'sessions', label: 'Sessions', count: detail.sessions.length },
    { id: 'identities', label: 'Identities', count: user.identities?.length ?? 0 },
    { id: 'raw', label: 'Raw JSON' },
  ]
  const tab = tabs.find((item) => item.id === search.get('tab'))?.id ?? 'overview'

  const items: MenuItem[] = [
    { label: 'Edit account', icon: 'edit', onPick: () => setDialog('edit') },
    ...(user.email && !confirmedAt(user)
      ? [{ label: 'Confirm email', icon: 'check' as const, onPick: () => void actions.confirmEmail() }]
      : []),
    banned
      ? { label: 'Lift ban', icon: 'check', onPick: () => void actions.liftBan() }
      : { label: 'Ban user', icon: 'ban', onPick: () => setDialog('ban') },
    { label: 'Delete user', icon: 'trash', danger: true, onPick: () => setDialog('delete') },
  ]

  return (
    <>
      <div className="drawer-head">
        <div className="drawer-title">
          <h2 className="cut">{userTitle(user)}</h2>
          {name && <span className="muted cut">{name}</span>}
          <Badges user={user} />
        </div>
        {mayManage && (
          <Menu
            label="Actions"
            className="drawer-actions"
            face={
              <span className="button">
                <span className="button-text">Actions</span>
                <Icon name="down" />
              </span>
            }
            items={items}
          />
        )}
        <CloseButton onClose={onClose} />
      </div>
      <Tabs
        label="User details"
        tabs={tabs}
        current={tab}
        onPick={(next) => setSearch({ tab: next === 'overview' ? null : next })}
      >
        {tab === 'overview' && (
          <Overview
            detail={detail}
            onEdit={() => setDialog('edit')}
            onBan={() => setDialog('ban')}
            onDelete={() => setDialog('delete')}
            actions={mayManage ? actions : null}
          />
        )}
        {/* stays, so that a draft survives a look at another tab */}
        <div hidden={tab !== 'metadata'}>
          <Metadata user={user} editable={mayManage} onChanged={onChanged} />
        </div>
        {tab === 'sessions' && <Sessions sessions={detail.sessions} />}
        {tab === 'identities' && <Identities identities={user.identities ?? []} />}
        {tab === 'raw' && <RawJson user={user} />}
      </Tabs>
      {dialog === 'edit' && (
        <EditAccount
          user={user}
          onClose={() => setDialog(null)}
          onChanged={(changed) => {
            setDialog(null)
            onChanged(changed)
          }}
        />
      )}
      {dialog === 'ban' && <BanDialog user={user} onClose={() => setDialog(null)} onBan={actions.ban} />}
      {dialog === 'delete' && (
        <DeleteUser
          user={user}
          owned={detail.owned_objects}
          sessions={detail.sessions.length}
          onClose={() => setDialog(null)}
          onDeleted={onDeleted}
        />
      )}
    </>
  )
}

function RawJson({ user }: { user: User }) {
  const text = pretty(user)
  return (
    <div className="raw">
      <div className="raw-tools">
        <CopyButton text={text} label="Copy JSON">
          Copy JSON
        </CopyButton>
      </div>
      <pre className="code-block" tabIndex={0} aria-label="Raw JSON">
        {text}
      </pre>
    </div>
  )
}
