import type { Api } from './client'

/** Something that is probably wrong about the rights on a relation of the data API. */
export interface Lint {
  /** Which rule, by the name that Supabase's linter gives it. */
  name: string
  level: string
  schema: string
  table: string
  detail: string
  remediation: string
}

export async function listLints(api: Api, signal: AbortSignal): Promise<Lint[]> {
  return (await api.get<{ lints: Lint[] }>('/advisors/security', signal)).lints
}
