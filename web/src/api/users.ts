import { API_ROOT, queryString, type Api } from './client'
import type { Page } from './resource'

export type JsonObject = Record<string, unknown>

export interface Identity {
  id: string
  identity_id?: string
  user_id: string
  provider: string
  identity_data: JsonObject | null
  email?: string | null
  created_at: string | null
  updated_at: string | null
  last_sign_in_at: string | null
}

/** A user as the admin API shows it; fields this console does not name are kept for the raw view. */
export interface User {
  id: string
  aud?: string
  role?: string | null
  email?: string | null
  phone?: string | null
  created_at: string
  updated_at?: string | null
  invited_at?: string | null
  confirmation_sent_at?: string | null
  recovery_sent_at?: string | null
  confirmed_at?: string | null
  email_confirmed_at?: string | null
  phone_confirmed_at?: string | null
  last_sign_in_at?: string | null
  banned_until?: string | null
  deleted_at?: string | null
  is_anonymous?: boolean
  is_sso_user?: boolean
  user_metadata?: JsonObject | null
  app_metadata?: JsonObject | null
  identities?: Identity[] | null
  factors?: JsonObject[] | null
}

export interface UserSession {
  id: string
  created_at: string | null
  updated_at: string | null
  refreshed_at: string | null
  user_agent: string | null
  ip: string | null
  aal: string | null
  not_after: string | null
}

export interface OwnedObjects {
  total: number
  buckets: { bucket: string; objects: number }[]
}

export interface UserDetail {
  user: User
  sessions: UserSession[]
  owned_objects: OwnedObjects
}

export interface UserChanges {
  email?: string
  phone?: string
  password?: string
  email_confirm?: boolean
  phone_confirm?: boolean
  user_metadata?: JsonObject
  app_metadata?: JsonObject
  ban_duration?: string
}

/** Where the complete list is downloaded from. */
export const USERS_CSV = `${API_ROOT}/users/export.csv`

const one = (id: string) => `/users/${encodeURIComponent(id)}`

export async function listUsers(
  api: Api,
  query: { search: string; cursor: string | null; limit: number },
  signal: AbortSignal,
): Promise<Page<User, number | null>> {
  const answer = await api.get<{ users: User[]; next_cursor: string | null; total: number | null }>(
    `/users${queryString(query)}`,
    signal,
  )
  return { items: answer.users, nextCursor: answer.next_cursor, extra: answer.total }
}

export function fetchUser(api: Api, id: string, signal: AbortSignal): Promise<UserDetail> {
  return api.get<UserDetail>(one(id), signal)
}

export function createUser(api: Api, fields: UserChanges): Promise<User> {
  return api.post<User>('/users', fields)
}

export function updateUser(api: Api, id: string, changes: UserChanges): Promise<User> {
  return api.patch<User>(one(id), changes)
}

export function deleteUser(api: Api, id: string, soft: boolean): Promise<void> {
  return api.delete<void>(`${one(id)}?soft=${soft}`)
}
