import { useMay } from '../api/access'
import type { TableDetail } from '../api/tables'
import { Link } from '../shell/Link'
import { sqlPath } from '../shell/routes'
import { Notice } from '../ui/Notice'
import { enableRls } from './advice'
import { isOpenToAll } from './Browser'
import { isEditable } from './values'

/** Why a relation is read-only, or open to everyone. */
export function Banner({ detail }: { detail: TableDetail }) {
  const mayRun = useMay('run sql')
  const cure = enableRls(detail.schema, detail.name)
  if (detail.locked)
    return (
      <Notice tone="locked">
        <p>
          <strong>Read-only.</strong> The schema <code>{detail.schema}</code> is kept by Vestibule: a change here could break
          sign-in or lose files. Use the Users page or the client APIs. Secrets are masked.
        </p>
      </Notice>
    )
  if (isOpenToAll(detail))
    return (
      <Notice tone="warn">
        <p>
          <strong>Row level security is off.</strong> Everyone whose role has the grants reads every row through the data API.
          Turn it on: <code>{cure}</code>
        </p>
        {mayRun && (
          <div className="notice-tools">
            <Link className="button" to={sqlPath()} state={{ query: cure }}>
              Open in the SQL Editor
            </Link>
          </div>
        )}
      </Notice>
    )
  if (!isEditable(detail) && detail.kind === 'table')
    return (
      <Notice tone="info">
        <p>This table has no primary key, so its rows can be read here but not changed.</p>
      </Notice>
    )
  return null
}
