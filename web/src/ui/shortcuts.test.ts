import { describe, expect, it } from 'vitest'
import { keyName, matchKey } from './shortcuts'

const plain = { ctrlKey: false, metaKey: false, altKey: false }

describe('keyName', () => {
  it('leaves the browser its own combinations', () => {
    expect(keyName({ ...plain, key: 'n', ctrlKey: true })).toBeNull()
    expect(keyName({ ...plain, key: 'n', metaKey: true })).toBeNull()
    expect(keyName({ ...plain, key: 'Shift' })).toBeNull()
  })

  it('names the character, whatever the layout needed to type it', () => {
    expect(keyName({ ...plain, key: '?' })).toBe('?')
  })
})

describe('matchKey', () => {
  const names = ['g u', 'g t', 'n', '/']

  it('finds single keys', () => {
    expect(matchKey(names, null, 'n')).toEqual({ hit: 'n', before: null })
  })

  it('remembers the start of a sequence and completes it', () => {
    expect(matchKey(names, null, 'g')).toEqual({ hit: null, before: 'g' })
    expect(matchKey(names, 'g', 't')).toEqual({ hit: 'g t', before: null })
  })

  it('forgets a sequence that nothing completes', () => {
    expect(matchKey(names, 'g', 'x')).toEqual({ hit: null, before: null })
    expect(matchKey(names, 'g', 'n')).toEqual({ hit: 'n', before: null })
  })
})
