import { useEffect, useRef, useState, type RefObject } from 'react'
import { useMay } from '../api/access'
import { useApi } from '../api/context'
import { usePages } from '../api/resource'
import { listUsers, USERS_CSV, type User } from '../api/users'
import { navigate, setSearch, usePlace } from '../shell/location'
import { usersPath } from '../shell/routes'
import { Button } from '../ui/Button'
import { Icon } from '../ui/Icon'
import { useShortcuts } from '../ui/shortcuts'
import { whole } from '../ui/time'
import { CreateUser } from './CreateUser'
import { UserDrawer } from './UserDrawer'
import { UsersTable } from './UsersTable'
import './users.css'

const PAGE_SIZE = 50

/** All users: search, list, create, and one of them in the drawer. */
export function UsersPage({ userId }: { userId: string | null }) {
  const api = useApi()
  const { search } = usePlace()
  const text = search.get('search') ?? ''
  const mayManage = useMay('manage users')
  const [cursorRow, setCursorRow] = useState(0)
  const [creating, setCreating] = useState(false)
  const searchBox = useRef<HTMLInputElement>(null)
  const list = usePages(`users ${text}`, (cursor, signal) =>
    listUsers(api, { search: text, cursor, limit: PAGE_SIZE }, signal),
  )

  useEffect(() => {
    document.title = 'Users · Vestibule'
  }, [])

  useEffect(() => setCursorRow(0), [text])

  const withSearch = (path: string) => (text === '' ? path : `${path}?${new URLSearchParams({ search: text })}`)
  const open = (user: User) => navigate(withSearch(usersPath(user.id)))
  const close = () => navigate(withSearch(usersPath()))

  function move(step: number) {
    const next = Math.min(Math.max(cursorRow + step, 0), list.items.length - 1)
    setCursorRow(next)
    const user = list.items[next]
    if (userId !== null && user) navigate(withSearch(usersPath(user.id)), { replace: true })
    if (next >= list.items.length - 5) list.more()
  }

  useShortcuts({
    '/': () => searchBox.current?.focus(),
    n: () => mayManage && setCreating(true),
    r: list.reload,
    j: () => move(1),
    k: () => move(-1),
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    Enter: () => {
      const user = list.items[cursorRow]
      if (user) open(user)
    },
    Escape: () => userId !== null && close(),
  })

  return (
    <div className={`users ${userId === null ? '' : 'with-drawer'}`}>
      <div className="users-main">
        <div className="page-head">
          <h1>Users</h1>
          {list.extra !== null && <span className="muted count">{whole(list.extra)}</span>}
          <div className="page-tools">
            <SearchBox
              inputRef={searchBox}
              current={text}
              onSearch={(value) => setSearch({ search: value.trim() === '' ? null : value.trim() })}
            />
            <Button className="tool-refresh" icon="refresh" aria-label="Reload users" title="Reload (r)" onClick={list.reload} />
            <a className="button shrinks" href={USERS_CSV} download title="Every user, as CSV">
              <Icon name="download" />
              <span className="button-text">Export CSV</span>
            </a>
            {mayManage && (
              <Button
                look="primary"
                icon="plus"
                className="shrinks"
                title="Create user (n)"
                onClick={() => setCreating(true)}
              >
                Create user
              </Button>
            )}
          </div>
        </div>
        <UsersTable
          list={list}
          search={text}
          cursorRow={cursorRow}
          openId={userId}
          onOpen={(user, row) => {
            setCursorRow(row)
            open(user)
          }}
          onCreate={mayManage ? () => setCreating(true) : null}
          onClearSearch={() => setSearch({ search: null })}
        />
      </div>
      {userId !== null && (
        <UserDrawer
          key={userId}
          id={userId}
          onClose={close}
          onChanged={(user) => list.edit((items) => items.map((item) => (item.id === user.id ? user : item)))}
          onDeleted={() => {
            list.reload()
            close()
          }}
        />
      )}
      {creating && (
        <CreateUser
          onClose={() => setCreating(false)}
          onCreated={(user) => {
            setCreating(false)
            list.reload()
            open(user)
          }}
        />
      )}
    </div>
  )
}

/** How long typing must pause before the search runs, in milliseconds. */
const PAUSE_MS = 250

interface SearchBoxProps {
  inputRef: RefObject<HTMLInputElement | null>
  /** What the address says is searched for. */
  current: string
  onSearch: (text: string) => void
}

function SearchBox({ inputRef, current, onSearch }: SearchBoxProps) {
  const [text, setText] = useState(current)
  const sent = useRef(current)
  const run = useRef(onSearch)
  run.current = onSearch

  // the address changed by itself: back button, "clear search"
  useEffect(() => {
    if (current === sent.current) return
    sent.current = current
    setText(current)
  }, [current])

  useEffect(() => {
    if (text.trim() === sent.current) return
    const timer = setTimeout(() => {
      sent.current = text.trim()
      run.current(text)
    }, PAUSE_MS)
    return () => clearTimeout(timer)
  }, [text])

  return (
    <div className="search" role="search">
      <Icon name="search" />
      <input
        ref={inputRef}
        type="search"
        aria-label="Search users"
        placeholder="Email, phone or user ID"
        spellCheck={false}
        autoCapitalize="off"
        value={text}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Enter') {
            sent.current = text.trim()
            onSearch(text)
          }
          if (event.key === 'Escape') {
            if (text === '') event.currentTarget.blur()
            else {
              setText('')
              sent.current = ''
              onSearch('')
            }
          }
        }}
      />
      <kbd aria-hidden="true">/</kbd>
    </div>
  )
}
