import type { Api } from './client'

export interface Operator {
  id: string
  email: string
  role: string
  must_change_password: boolean
}

export interface Session {
  operator: Operator
  csrf_token: string
}

export interface Project {
  name: string
  api_url: string
  version: string
  mailbox_url: string | null
  publishable_key: string
}

async function keepToken(api: Api, answer: Promise<Session>): Promise<Session> {
  const session = await answer
  api.csrf = session.csrf_token
  return session
}

/** Who is signed in; fails with `not_signed_in`. */
export function fetchSession(api: Api, signal?: AbortSignal): Promise<Session> {
  return keepToken(api, api.get<Session>('/session', signal))
}

export function signIn(api: Api, email: string, password: string): Promise<Session> {
  return keepToken(api, api.post<Session>('/login', { email, password }))
}

export async function signOut(api: Api): Promise<void> {
  await api.post<undefined>('/logout')
  api.csrf = ''
}

export function changePassword(api: Api, current: string, next: string): Promise<Session> {
  return keepToken(api, api.post<Session>('/password', { current_password: current, new_password: next }))
}

export function fetchProject(api: Api, signal?: AbortSignal): Promise<Project> {
  return api.get<Project>('/project', signal)
}
