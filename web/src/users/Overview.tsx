import type { ReactNode } from 'react'
import type { OwnedObjects, User, UserDetail } from '../api/users'
import { Link } from '../shell/Link'
import { rowsWhere } from '../shell/routes'
import { Button } from '../ui/Button'
import { CopyValue } from '../ui/Copy'
import { Notice } from '../ui/Notice'
import { ago, count, isFuture, shortTime, fullTime } from '../ui/time'
import { confirmedAt, providers } from './describe'
import type { UserActions } from './useUserActions'

interface OverviewProps {
  detail: UserDetail
  /** Null when the operator may only look. */
  actions: UserActions | null
  onEdit: () => void
  onBan: () => void
  onDelete: () => void
}

/** The account at a glance; each value copies on click. */
export function Overview({ detail, actions, onEdit, onBan, onDelete }: OverviewProps) {
  const { user, owned_objects: owned } = detail
  const banned = isFuture(user.banned_until)
  return (
    <div className="overview">
      {banned && (
        <Notice tone="danger" title="This user is banned">
          <p>
            No sign-in and no new token until <span title={fullTime(user.banned_until)}>{shortTime(user.banned_until)}</span>.
          </p>
          {actions && (
            <div className="notice-tools">
              <Button onClick={() => void actions.liftBan()}>Lift ban</Button>
            </div>
          )}
        </Notice>
      )}
      {user.email && !confirmedAt(user) && !user.deleted_at && (
        <Notice tone="warn" title="The email is not confirmed">
          {actions && (
            <div className="notice-tools">
              <Button onClick={() => void actions.confirmEmail()}>Confirm email</Button>
            </div>
          )}
        </Notice>
      )}
      <dl className="fact-list">
        <Fact name="User ID">
          <CopyValue text={user.id} label="user ID">
            <code>{user.id}</code>
          </CopyValue>
        </Fact>
        <Fact name="Email">{user.email ? <CopyValue text={user.email} label="email" /> : <None />}</Fact>
        <Fact name="Phone">{user.phone ? <CopyValue text={user.phone} label="phone" /> : <None />}</Fact>
        <Fact name="Providers">{providers(user).join(', ') || <None />}</Fact>
        <Fact name="Role">{user.role ? <CopyValue text={user.role} label="role" /> : <None />}</Fact>
        <When name="Created" at={user.created_at} />
        <When name="Updated" at={user.updated_at} />
        <When name="Invited" at={user.invited_at} optional />
        <When name="Confirmation sent" at={user.confirmation_sent_at} optional />
        <When name="Confirmed" at={confirmedAt(user)} />
        <When name="Last sign-in" at={user.last_sign_in_at} none="Never" />
        <When name="Deleted" at={user.deleted_at} optional />
        <Fact name="Files">
          <Owned owned={owned} user={user} />
        </Fact>
      </dl>
      {actions && (
        <div className="overview-actions">
          <Button icon="edit" onClick={onEdit}>
            Edit account
          </Button>
          {!banned && (
            <Button icon="ban" onClick={onBan}>
              Ban user
            </Button>
          )}
          <Button look="danger" icon="trash" onClick={onDelete}>
            Delete user
          </Button>
        </div>
      )}
    </div>
  )
}

function None() {
  return <span className="faint">None</span>
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}

interface WhenProps {
  name: string
  at: string | null | undefined
  none?: string
  /** Left out when there is nothing to show. */
  optional?: boolean
}

function When({ name, at, none = 'No', optional = false }: WhenProps) {
  if (!at) return optional ? null : <Fact name={name}>{<span className="faint">{none}</span>}</Fact>
  return (
    <Fact name={name}>
      <CopyValue text={at} label={name.toLowerCase()}>
        <time dateTime={at} title={fullTime(at)}>
          {shortTime(at)} <span className="muted nowrap">· {ago(at)}</span>
        </time>
      </CopyValue>
    </Fact>
  )
}

function Owned({ owned, user }: { owned: OwnedObjects; user: User }) {
  if (owned.total === 0) return <None />
  return (
    <span>
      <Link to={rowsWhere('storage', 'objects', 'owner_id', user.id)}>{count(owned.total, 'object')}</Link>{' '}
      <span className="muted">in {owned.buckets.map(({ bucket, objects }) => `${bucket} (${objects})`).join(', ')}</span>
    </span>
  )
}
