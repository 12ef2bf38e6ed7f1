import { useEffect } from 'react'
import { useMay } from '../api/access'
import type { Resource } from '../api/resource'
import { Link } from '../shell/Link'
import { sqlPath, tablesPath } from '../shell/routes'
import { Button } from '../ui/Button'
import { CopyButton } from '../ui/Copy'
import { ErrorPanel } from '../ui/ErrorPanel'
import { Icon } from '../ui/Icon'
import { Notice } from '../ui/Notice'
import { useShortcuts } from '../ui/shortcuts'
import { Spinner } from '../ui/Spinner'
import { sentence } from '../ui/words'
import type { Advice, Remedy } from './advice'

/** What is probably wrong about the rights on tables, and how to mend it. */
export function AdvicePage({ advice }: { advice: Resource<Advice[]> }) {
  useEffect(() => {
    document.title = 'Security advice · Vestibule'
  }, [])
  useShortcuts({ r: advice.reload })

  return (
    <>
      <div className="page-head">
        <Link className="icon-button tables-back" to={tablesPath()} aria-label="All tables">
          <Icon name="back" />
        </Link>
        <h1>Security advice</h1>
        {advice.data !== null && advice.data.length > 0 && <span className="muted count">{advice.data.length}</span>}
        <div className="page-tools beside">
          <Button icon="refresh" aria-label="Look again" title="Look again (r)" onClick={advice.reload} />
        </div>
      </div>
      <Content advice={advice} />
    </>
  )
}

function Content({ advice: { data, error, loading, reload } }: { advice: Resource<Advice[]> }) {
  if (data === null)
    return error ? (
      <ErrorPanel title="The advice could not be loaded" error={error} onRetry={reload} />
    ) : (
      <div className="fill-center">
        <Spinner label="Looking at the rights" />
      </div>
    )
  return (
    <>
      {error && (
        <Notice tone="danger" alert>
          <p>This is what was found before. Looking again failed: {sentence(error.message)}</p>
        </Notice>
      )}
      {data.length === 0 ? (
        <div className="empty">
          <span className="empty-icon ok">
            <Icon name="check" />
          </span>
          <h2>Nothing to mend</h2>
          <p className="muted">Every table and view that callers of the data API can use keeps to row level security.</p>
        </div>
      ) : (
        <div className="advice-scroll">
          <ul className="advice" aria-label="Security advice" aria-busy={loading}>
            {data.map((item) => (
              <Item key={`${item.rule} ${item.schema}.${item.table}`} item={item} />
            ))}
          </ul>
        </div>
      )}
    </>
  )
}

function Item({ item }: { item: Advice }) {
  const name = `${item.schema}.${item.table}`
  return (
    <li className="advice-item">
      <div className="advice-head">
        <h2>
          <Link to={tablesPath(item.schema, item.table)}>{name}</Link>
        </h2>
        <span className={`badge ${item.severe ? 'warn' : 'plain'}`}>{item.title}</span>
      </div>
      <p>{item.meaning}</p>
      {item.remedies.map((remedy) => (
        <RemedyBlock key={remedy.sql} remedy={remedy} about={name} />
      ))}
    </li>
  )
}

function RemedyBlock({ remedy, about }: { remedy: Remedy; about: string }) {
  const mayRun = useMay('run sql')
  return (
    <div className="advice-remedy">
      <p className="muted">{remedy.does}</p>
      <pre className="code-block">{remedy.sql}</pre>
      <div className="notice-tools">
        <CopyButton text={remedy.sql} label={`Copy SQL for ${about}`}>
          Copy SQL
        </CopyButton>
        {mayRun && (
          <Link
            className="button"
            to={sqlPath()}
            state={{ query: remedy.sql }}
            aria-label={`Open in the SQL Editor: ${about}`}
          >
            Open in the SQL Editor
          </Link>
        )}
      </div>
    </div>
  )
}
