import { Button } from '../ui/Button'
import { Dialog } from '../ui/Dialog'
import { useToast } from '../ui/Toasts'
import { PasswordForm, usePasswordForm } from './PasswordForm'

/** The operator's own password, changed from the console. */
export function ChangePasswordDialog({ onClose }: { onClose: () => void }) {
  const toast = useToast()
  const form = usePasswordForm(null, () => {
    toast.say('Password changed')
    onClose()
  })
  return (
    <Dialog
      title="Change your password"
      onClose={onClose}
      onSubmit={() => void form.submit()}
      foot={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" look="primary" busy={form.busy}>
            Save password
          </Button>
        </>
      }
    >
      <PasswordForm form={form} askCurrent />
    </Dialog>
  )
}
