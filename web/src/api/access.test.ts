import { expect, it } from 'vitest'
import { isAllowed } from './access'

it('lets support manage users and nothing else', () => {
  expect(isAllowed('support', 'manage users')).toBe(true)
  expect(isAllowed('support', 'run sql')).toBe(false)
  expect(isAllowed('support', 'write tables')).toBe(false)
})

it('lets read-only and unknown roles only look', () => {
  for (const role of ['read-only', '', 'root']) expect(isAllowed(role, 'manage users')).toBe(false)
})
