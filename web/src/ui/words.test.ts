import { expect, it } from 'vitest'
import { sentence } from './words'

it('begins messages like sentences', () => {
  expect(sentence('the user owns 3 objects')).toBe('The user owns 3 objects')
})

it.each(['', '`limit` must be from 1 to 1000', 'email_exists', 'user_metadata cannot hold null', 'Already one', 'ü is'])(
  'leaves %j alone',
  (text) => {
    expect(sentence(text)).toBe(text)
  },
)
