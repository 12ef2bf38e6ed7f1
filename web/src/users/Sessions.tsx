import type { UserSession } from '../api/users'
import { CopyButton } from '../ui/Copy'
import { TimeText } from '../ui/TimeText'
import { agentName } from './describe'

/** Where the user is signed in. */
export function Sessions({ sessions }: { sessions: UserSession[] }) {
  if (sessions.length === 0)
    return (
      <div className="empty">
        <h3>No sessions</h3>
        <p className="muted">The user is signed in nowhere.</p>
      </div>
    )
  return (
    <ul className="cards">
      {sessions.map((session) => (
        <li key={session.id} className="card">
          <div className="card-head">
            <span className="strong" title={session.user_agent ?? undefined}>
              {agentName(session.user_agent)}
            </span>
            {session.aal && <span className="badge plain">{session.aal.toUpperCase()}</span>}
            <CopyButton text={session.id} label="Copy session ID" />
          </div>
          <dl className="fact-list compact">
            <div>
              <dt>Address</dt>
              <dd>{session.ip ? <code>{session.ip}</code> : <span className="faint">Unknown</span>}</dd>
            </div>
            <div>
              <dt>Signed in</dt>
              <dd>
                <TimeText at={session.created_at} />
              </dd>
            </div>
            <div>
              <dt>Last refresh</dt>
              <dd>
                <TimeText at={session.refreshed_at} none="Not yet" />
              </dd>
            </div>
            {session.not_after && (
              <div>
                <dt>Ends</dt>
                <dd>
                  <TimeText at={session.not_after} />
                </dd>
              </div>
            )}
          </dl>
        </li>
      ))}
    </ul>
  )
}
