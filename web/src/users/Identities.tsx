import type { Identity } from '../api/users'
import { CopyButton } from '../ui/Copy'
import { pretty } from '../ui/json'
import { TimeText } from '../ui/TimeText'

/** The ways into the account, with what each provider told. */
export function Identities({ identities }: { identities: Identity[] }) {
  if (identities.length === 0)
    return (
      <div className="empty">
        <h3>No identities</h3>
        <p className="muted">No email, phone or provider is linked to this account.</p>
      </div>
    )
  return (
    <ul className="cards">
      {identities.map((identity) => (
        <li key={identity.identity_id ?? `${identity.provider} ${identity.id}`} className="card">
          <div className="card-head">
            <span className="strong">{identity.provider}</span>
            <span className="muted cut">{identity.email ?? identity.id}</span>
            <CopyButton text={identity.id} label="Copy provider ID" />
          </div>
          <dl className="fact-list compact">
            <div>
              <dt>Linked</dt>
              <dd>
                <TimeText at={identity.created_at} />
              </dd>
            </div>
            <div>
              <dt>Last sign-in</dt>
              <dd>
                <TimeText at={identity.last_sign_in_at} none="Never" />
              </dd>
            </div>
          </dl>
          <details>
            <summary>Identity data</summary>
            <pre className="code-block">{pretty(identity.identity_data ?? {})}</pre>
          </details>
        </li>
      ))}
    </ul>
  )
}
