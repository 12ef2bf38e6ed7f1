/** What a user is, in words: names, providers, standing. Pure. */
import type { User } from '../api/users'
import { isFuture } from '../ui/time'

/** How the list and the dialogs call a user. */
export function userTitle(user: User): string {
  if (user.email) return user.email
  if (user.phone) return `+${user.phone.replace(/^\+/, '')}`
  return user.is_anonymous ? 'Anonymous user' : user.id
}

/** A name from the metadata that sign-up forms and providers leave behind, or null. */
export function displayName(user: User): string | null {
  const meta = user.user_metadata ?? {}
  const text = (key: string) => {
    const value = meta[key]
    return typeof value === 'string' && value.trim() !== '' ? value.trim() : null
  }
  for (const key of ['display_name', 'full_name', 'name', 'user_name', 'username', 'preferred_username', 'nickname']) {
    const found = text(key)
    if (found) return found
  }
  const parts = [text('first_name') ?? text('given_name'), text('last_name') ?? text('family_name')]
  return parts.some(Boolean) ? parts.filter(Boolean).join(' ') : null
}

/** How the user can sign in, as the account records it. */
export function providers(user: User): string[] {
  const listed = user.app_metadata?.['providers']
  if (Array.isArray(listed)) return listed.filter((item): item is string => typeof item === 'string')
  const first = user.app_metadata?.['provider']
  return typeof first === 'string' ? [first] : []
}

export interface Standing {
  tone: 'danger' | 'warn' | 'plain'
  label: string
}

/** What an operator should see at a glance; empty for an ordinary, confirmed user. */
export function standings(user: User, now: number = Date.now()): Standing[] {
  const found: Standing[] = []
  if (user.deleted_at) found.push({ tone: 'danger', label: 'Deleted' })
  if (isFuture(user.banned_until, now)) found.push({ tone: 'danger', label: 'Banned' })
  if (user.is_anonymous) found.push({ tone: 'plain', label: 'Anonymous' })
  else if (!user.deleted_at && !confirmedAt(user)) {
    found.push({ tone: 'warn', label: user.invited_at ? 'Invited' : 'Unconfirmed' })
  }
  if (user.is_sso_user) found.push({ tone: 'plain', label: 'SSO' })
  return found
}

/** When the account was confirmed by email or phone, whichever came first. */
export function confirmedAt(user: User): string | null {
  return user.confirmed_at ?? user.email_confirmed_at ?? user.phone_confirmed_at ?? null
}

/** A browser's user agent in three words: what matters to tell two sessions apart. */
export function agentName(agent: string | null): string {
  if (!agent) return 'Unknown client'
  const browser =
    /\bEdg\//.test(agent) ? 'Edge'
    : /\bOPR\//.test(agent) ? 'Opera'
    : /\bFirefox\//.test(agent) ? 'Firefox'
    : /\bChrome\//.test(agent) ? 'Chrome'
    : /\bSafari\//.test(agent) ? 'Safari'
    : null
  const system =
    /iPhone|iPad/.test(agent) ? 'iOS'
    : /Android/.test(agent) ? 'Android'
    : /Mac OS X/.test(agent) ? 'macOS'
    : /Windows/.test(agent) ? 'Windows'
    : /Linux/.test(agent) ? 'Linux'
    : null
  if (browser && system) return `${browser} on ${system}`
  return browser ?? agent.split(/[\s(]/, 1)[0] ?? agent
}
