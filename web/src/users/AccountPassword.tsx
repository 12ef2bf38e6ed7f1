import { useState } from 'react'
import { generatePassword } from '../login/passwords'
import { PasswordField } from '../login/PasswordField'
import { Button } from '../ui/Button'

interface AccountPasswordProps {
  label: string
  hint: string
  error: string | null
  value: string
  onChange: (value: string) => void
}

/** The password that an operator gives an account; a generated one is readable until it is changed. */
export function AccountPassword({ onChange, ...field }: AccountPasswordProps) {
  const [generated, setGenerated] = useState(false)

  function change(value: string, isGenerated: boolean) {
    onChange(value)
    setGenerated(isGenerated)
  }

  return (
    <PasswordField
      {...field}
      autoComplete="new-password"
      shown={generated}
      onChange={(value) => change(value, false)}
      tools={<Button onClick={() => change(generatePassword(), true)}>Generate</Button>}
    />
  )
}
