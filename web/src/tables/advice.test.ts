import { describe, expect, it } from 'vitest'
import type { Lint } from '../api/advisors'
import { advise, enableRls, headline } from './advice'

const lint = (name: string, table: string, level = 'ERROR'): Lint => ({
  name,
  level,
  schema: 'public',
  table,
  detail: `table public.${table} is odd`,
  remediation: 'ask someone',
})

describe('advise', () => {
  it('quotes every name, also keywords and quotation marks', () => {
    expect(enableRls('public', 'order')).toBe('alter table "public"."order" enable row level security;')
    expect(enableRls('My "own"', 'x')).toBe('alter table "My ""own"""."x" enable row level security;')
  })

  it('says once that a table with idle policies is open', () => {
    const advice = advise([
      lint('policy_exists_rls_disabled', 'notes'),
      lint('rls_disabled_in_public', 'notes'),
      lint('rls_disabled_in_public', 'films'),
    ])
    expect(advice.map(({ rule, table }) => [rule, table])).toEqual([
      ['policy_exists_rls_disabled', 'notes'],
      ['rls_disabled_in_public', 'films'],
    ])
    expect(advice.map(({ remedies }) => remedies.map(({ sql }) => sql))).toEqual([
      ['alter table "public"."notes" enable row level security;'],
      ['alter table "public"."films" enable row level security;'],
    ])
  })

  it('knows two ways out of row level security without a policy', () => {
    const [advice] = advise([lint('rls_enabled_no_policy', 'notes', 'INFO')])
    expect(advice?.severe).toBe(false)
    expect(advice?.remedies.map(({ sql }) => sql.split(/\s/)[0])).toEqual(['create', 'revoke'])
  })

  it('lets a view read with the rights of the caller', () => {
    const [advice] = advise([lint('security_definer_view', 'all_notes')])
    expect(advice?.remedies[0]?.sql).toBe('alter view "public"."all_notes" set (security_invoker = true);')
  })

  it('tells a rule that it does not know in the words of the server', () => {
    const [advice] = advise([lint('something_new', 'notes')])
    expect(advice).toMatchObject({ severe: true, meaning: 'Table public.notes is odd. Ask someone.', remedies: [] })
  })
})

describe('headline', () => {
  const of = (...lints: Lint[]) => headline(advise(lints))

  it.each<[string | null, Lint[]]>([
    [null, []],
    [null, [lint('rls_enabled_no_policy', 'a', 'INFO')]],
    ['1 table is open to everyone', [lint('rls_disabled_in_public', 'a'), lint('policy_exists_rls_disabled', 'a')]],
    ['2 tables are open to everyone', [lint('rls_disabled_in_public', 'a'), lint('rls_disabled_in_public', 'b'), lint('security_definer_view', 'v')]],
    ['1 view passes by row level security', [lint('security_definer_view', 'v')]],
    ['Something is open that should not be', [lint('something_new', 'a')]],
  ])('%s', (line, lints) => {
    expect(of(...lints)).toBe(line)
  })
})
