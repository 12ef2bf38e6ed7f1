import { toApiError } from '../api/client'
import { useApi } from '../api/context'
import { updateUser, type User, type UserChanges } from '../api/users'
import { useToast } from '../ui/Toasts'

export interface UserActions {
  confirmEmail: () => Promise<void>
  ban: (duration: string) => Promise<void>
  liftBan: () => Promise<void>
}

/** The one-step changes of an account. `ban` throws, its dialog shows why; the others say it themselves. */
export function useUserActions(user: User, onChanged: (user: User) => void): UserActions {
  const api = useApi()
  const toast = useToast()

  async function change(changes: UserChanges, done: string) {
    onChanged(await updateUser(api, user.id, changes))
    toast.say(done)
  }

  async function orSay(changes: UserChanges, done: string, failed: string) {
    try {
      await change(changes, done)
    } catch (cause) {
      toast.fail(failed, toApiError(cause))
    }
  }

  return {
    confirmEmail: () => orSay({ email_confirm: true }, 'Email confirmed', 'The email was not confirmed'),
    ban: (duration) => change({ ban_duration: duration }, 'User banned'),
    liftBan: () => orSay({ ban_duration: 'none' }, 'Ban lifted', 'The ban was not lifted'),
  }
}
