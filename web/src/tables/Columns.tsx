import type { TableDetail } from '../api/tables'
import { Link } from '../shell/Link'
import { tablesPath } from '../shell/routes'

/** The columns of a relation: types, defaults, keys, comments. */
export function Columns({ detail }: { detail: TableDetail }) {
  return (
    <div className="columns-scroll">
      <table className="columns" aria-label="Columns">
        <thead>
          <tr>
            <th scope="col">Column</th>
            <th scope="col">Type</th>
            <th scope="col">Null</th>
            <th scope="col">Default</th>
            <th scope="col">Key</th>
            <th scope="col">Comment</th>
          </tr>
        </thead>
        <tbody>
          {detail.columns.map((column) => (
            <tr key={column.name}>
              <th scope="row">
                <code>{column.name}</code>
              </th>
              <td>
                <code>{column.type}</code>
              </td>
              <td>{column.nullable ? 'yes' : 'not null'}</td>
              <td>
                {column.generated ? <span className="badge plain">generated</span> : null}{' '}
                {column.default && <code>{column.default}</code>}
              </td>
              <td>
                {column.primary_key && <span className="badge plain">primary key</span>}{' '}
                {column.references && (
                  <Link to={tablesPath(column.references.schema, column.references.table)}>
                    {column.references.schema}.{column.references.table} ({column.references.column})
                  </Link>
                )}
                {column.masked && <span className="badge plain">masked</span>}
              </td>
              <td className="muted">{column.comment}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
