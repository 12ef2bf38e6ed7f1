/** What the server's security lints mean to an operator, and the SQL that mends them. Pure. */
import type { Lint } from '../api/advisors'
import { sentence } from '../ui/words'

/** One way to mend something. */
export interface Remedy {
  /** What the SQL does, and what follows from it. */
  does: string
  sql: string
}

/** One lint in words. */
export interface Advice {
  rule: string
  schema: string
  table: string
  /** Someone may see more than they should; otherwise it is only worth knowing. */
  severe: boolean
  title: string
  meaning: string
  remedies: Remedy[]
}

/** A relation as SQL wants it: always quoted, because names like "order" and "user" are keywords. */
function qualified(schema: string, table: string): string {
  return [schema, table].map((name) => `"${name.replaceAll('"', '""')}"`).join('.')
}

/** Turns row level security on. */
export function enableRls(schema: string, table: string): string {
  return `alter table ${qualified(schema, table)} enable row level security;`
}

type Words = Pick<Advice, 'title' | 'meaning' | 'remedies'>

const RULES: Record<string, (lint: Lint) => Words> = {
  rls_disabled_in_public: ({ schema, table }) => ({
    title: 'Open to everyone',
    meaning:
      'Row level security is off. Whoever has the publishable key can use every row, as far as the roles anon and authenticated have rights on the table.',
    remedies: [
      {
        does: 'Turn row level security on. Callers then reach no rows until a policy lets them; the secret key still reaches all.',
        sql: enableRls(schema, table),
      },
    ],
  }),
  policy_exists_rls_disabled: ({ schema, table }) => ({
    title: 'Open to everyone, despite its policies',
    meaning: 'The table has policies, but they do nothing while row level security is off: callers can use every row.',
    remedies: [{ does: 'Turn row level security on, and the policies decide.', sql: enableRls(schema, table) }],
  }),
  security_definer_view: ({ schema, table }) => ({
    title: 'Passes by row level security',
    meaning: 'The view reads with the rights of its owner. It can show rows that the policies of its tables hide from the caller.',
    remedies: [
      {
        does: 'Let the view read with the rights of whoever calls.',
        sql: `alter view ${qualified(schema, table)} set (security_invoker = true);`,
      },
    ],
  }),
  rls_enabled_no_policy: ({ schema, table }) => ({
    title: 'No policy',
    meaning: 'Row level security is on and no policy says who may see what, so callers reach none of the rows.',
    remedies: [
      {
        does: 'Let people who are signed in see their own rows. Put the column that holds the user’s ID in the place of user_id.',
        sql: `create policy "people see their own rows" on ${qualified(schema, table)}\n  for select to authenticated\n  using ((select auth.uid()) = user_id);`,
      },
      {
        does: 'Or, when only your servers use the table, take the rights away from callers.',
        sql: `revoke all on table ${qualified(schema, table)} from anon, authenticated;`,
      },
    ],
  }),
}

/** A rule that this console does not know is told in the server's words. */
function told({ detail, remediation }: Lint): Words {
  return { title: 'Worth a look', meaning: `${sentence(detail)}. ${sentence(remediation)}.`, remedies: [] }
}

/** The lints in words, in the server's order. Of two that say the same about a table, the one that says more. */
export function advise(lints: readonly Lint[]): Advice[] {
  const idle = new Set(lints.filter(({ name }) => name === 'policy_exists_rls_disabled').map(place))
  return lints
    .filter((lint) => lint.name !== 'rls_disabled_in_public' || !idle.has(place(lint)))
    .map((lint) => {
      const { name: rule, level, schema, table } = lint
      return { rule, schema, table, severe: level !== 'INFO', ...(RULES[rule] ?? told)(lint) }
    })
}

const place = ({ schema, table }: Lint) => JSON.stringify([schema, table])

/** The worst of it in one line; null when nobody sees too much. */
export function headline(advice: readonly Advice[]): string | null {
  const severe = advice.filter((item) => item.severe)
  const views = severe.filter(({ rule }) => rule === 'security_definer_view').length
  const tables = severe.filter(({ rule }) => rule === 'rls_disabled_in_public' || rule === 'policy_exists_rls_disabled').length
  if (tables > 0) return tables === 1 ? '1 table is open to everyone' : `${tables} tables are open to everyone`
  if (views > 0) return views === 1 ? '1 view passes by row level security' : `${views} views pass by row level security`
  return severe.length > 0 ? 'Something is open that should not be' : null
}
