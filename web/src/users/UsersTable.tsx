import { useEffect, useRef } from 'react'
import type { Pages } from '../api/resource'
import type { User } from '../api/users'
import { usersPath } from '../shell/routes'
import { Button } from '../ui/Button'
import { ErrorPanel } from '../ui/ErrorPanel'
import { Icon } from '../ui/Icon'
import { Keys } from '../ui/Keys'
import { Spinner } from '../ui/Spinner'
import { TimeText } from '../ui/TimeText'
import { displayName, providers, standings, userTitle } from './describe'

interface UsersTableProps {
  list: Pages<User, number | null>
  search: string
  cursorRow: number
  openId: string | null
  onOpen: (user: User, row: number) => void
  /** Null when the operator may not. */
  onCreate: (() => void) | null
  onClearSearch: () => void
}

/** The list itself, with its empty, loading and failed states. */
export function UsersTable(props: UsersTableProps) {
  const { list, search, cursorRow, openId, onOpen } = props
  const body = useRef<HTMLTableSectionElement>(null)
  const before = useRef(cursorRow)

  useEffect(() => {
    if (before.current === cursorRow) return
    before.current = cursorRow
    const row = body.current?.querySelector('[data-cursor="true"]')
    row?.scrollIntoView({ block: 'nearest' })
    // the focus follows, unless it is at work somewhere else
    const active = document.activeElement
    if (active === document.body || body.current?.contains(active)) {
      row?.querySelector('a')?.focus({ preventScroll: true })
    }
  }, [cursorRow])

  if (list.error && list.items.length === 0)
    return <ErrorPanel title="The users could not be loaded" error={list.error} onRetry={list.reload} />
  if (!list.loading && list.items.length === 0) return search === '' ? <NoUsers {...props} /> : <NothingFound {...props} />

  return (
    <div className="users-scroll">
      <table className="users-table" aria-label="Users" aria-busy={list.loading}>
        <thead>
          <tr>
            <th scope="col">User</th>
            <th scope="col" className="col-status">
              Status
            </th>
            <th scope="col" className="col-provider">
              Providers
            </th>
            <th scope="col" className="col-time">
              Created
            </th>
            <th scope="col" className="col-time">
              Last sign-in
            </th>
            <th scope="col" className="col-id">
              User ID
            </th>
          </tr>
        </thead>
        <tbody ref={body}>
          {list.loading && list.items.length === 0 ? (
            <Skeleton />
          ) : (
            list.items.map((user, row) => (
              <UserRow
                key={user.id}
                user={user}
                isCursor={row === cursorRow}
                isOpen={user.id === openId}
                onOpen={() => onOpen(user, row)}
              />
            ))
          )}
        </tbody>
      </table>
      <MoreUsers list={list} />
    </div>
  )
}

interface UserRowProps {
  user: User
  isCursor: boolean
  isOpen: boolean
  onOpen: () => void
}

function UserRow({ user, isCursor, isOpen, onOpen }: UserRowProps) {
  const name = displayName(user)
  return (
    <tr data-cursor={isCursor} aria-selected={isOpen} onClick={onOpen}>
      <td className="col-user">
        <a
          href={usersPath(user.id)}
          className="user-name"
          tabIndex={isCursor ? 0 : -1}
          onClick={(event) => {
            if (event.metaKey || event.ctrlKey || event.shiftKey) event.stopPropagation()
            else event.preventDefault()
          }}
        >
          <span className="cut">{userTitle(user)}</span>
          {(name || (user.email && user.phone)) && (
            <span className="muted small cut">
              {[name, user.email && user.phone ? `+${user.phone}` : null].filter(Boolean).join(' · ')}
            </span>
          )}
        </a>
      </td>
      <td className="col-status">
        <Badges user={user} />
      </td>
      <td className="col-provider muted">{providers(user).join(', ') || '–'}</td>
      <td className="col-time">
        <TimeText at={user.created_at} />
      </td>
      <td className="col-time">
        <TimeText at={user.last_sign_in_at} none="Never" />
      </td>
      <td className="col-id">
        <code className="muted" title={user.id}>
          {user.id.slice(0, 8)}
        </code>
      </td>
    </tr>
  )
}

/** What stands out about a user, as small labels. */
export function Badges({ user }: { user: User }) {
  return (
    <span className="badges">
      {standings(user).map(({ label, tone }) => (
        <span key={label} className={`badge ${tone}`}>
          {label}
        </span>
      ))}
    </span>
  )
}

/** Loads the next page as soon as the end comes into view. */
function MoreUsers({ list }: { list: Pages<User, number | null> }) {
  const mark = useRef<HTMLDivElement>(null)
  const more = useRef(list.more)
  more.current = list.more
  const failed = list.error !== null

  useEffect(() => {
    const element = mark.current
    if (!element || failed) return
    const watcher = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) more.current()
    }, { rootMargin: '400px' })
    watcher.observe(element)
    return () => watcher.disconnect()
    // watches anew after each page: a short page may leave the mark in view
  }, [list.items.length, failed])

  if (list.error)
    return (
      <div className="list-end" role="alert">
        {list.error.message}
        <Button onClick={list.hasMore ? list.more : list.reload}>Try again</Button>
      </div>
    )
  if (list.loadingMore)
    return (
      <div className="list-end">
        <Spinner label="Loading more users" />
      </div>
    )
  if (list.hasMore)
    return (
      <div className="list-end" ref={mark}>
        <Button onClick={list.more}>Load more</Button>
      </div>
    )
  return null
}

function Skeleton() {
  return Array.from({ length: 12 }, (_, row) => (
    <tr key={row} className="skeleton" aria-hidden="true">
      <td>
        <span className={`bone w${row % 4}`} />
      </td>
      <td className="col-status" />
      <td className="col-provider">
        <span className="bone w3" />
      </td>
      <td className="col-time">
        <span className="bone w1" />
      </td>
      <td className="col-time">
        <span className="bone w1" />
      </td>
      <td className="col-id">
        <span className="bone w3" />
      </td>
    </tr>
  ))
}

function NoUsers({ onCreate }: UsersTableProps) {
  return (
    <div className="empty">
      <span className="empty-icon">
        <Icon name="users" />
      </span>
      <h2>No users yet</h2>
      <p className="muted">
        They appear here as soon as someone signs up in your app.
        {onCreate && ' You can also create the first one yourself.'}
      </p>
      {onCreate && (
        <>
          <Button look="primary" icon="plus" onClick={onCreate}>
            Create the first user
          </Button>
          <p className="small faint">
            or press <Keys keys="n" />
          </p>
        </>
      )}
    </div>
  )
}

function NothingFound({ search, onClearSearch }: UsersTableProps) {
  return (
    <div className="empty">
      <span className="empty-icon">
        <Icon name="search" />
      </span>
      <h2>No user matches “{search}”</h2>
      <p className="muted">
        The search looks for a part of the email, the beginning of the phone number, or the beginning of the user ID.
      </p>
      <Button onClick={onClearSearch}>Clear search</Button>
    </div>
  )
}
