/** What an operator's role allows. The server decides; the console only hides what it would refuse. */
import { createContext, useContext } from 'react'

export type Action = 'manage users' | 'write tables' | 'run sql'

const ALLOWED: Record<Action, readonly string[]> = {
  'manage users': ['owner', 'admin', 'support'],
  'write tables': ['owner', 'admin'],
  'run sql': ['owner', 'admin'],
}

/** Whether a role may do something; an unknown role may only look. */
export function isAllowed(role: string, action: Action): boolean {
  return ALLOWED[action].includes(role)
}

/** The signed-in operator's role, handed down by the shell. */
export const RoleContext = createContext('')

/** Whether the signed-in operator may do something. */
export function useMay(action: Action): boolean {
  return isAllowed(useContext(RoleContext), action)
}
