import { describe, expect, it } from 'vitest'
import { generatePassword, passwordProblem } from './passwords'

describe('passwordProblem', () => {
  it('counts characters, not code units', () => {
    expect(passwordProblem('🔑'.repeat(11), '🔑'.repeat(11), '')).toContain('this has 11')
    expect(passwordProblem('🔑'.repeat(12), '🔑'.repeat(12), '')).toBeNull()
  })

  it('wants another password, typed the same twice', () => {
    expect(passwordProblem('correct horse!', 'correct horse!', 'correct horse!')).toContain('differ from')
    expect(passwordProblem('correct horse!', 'correct horse?', '')).toBe('The two passwords differ.')
  })
})

describe('generatePassword', () => {
  it('has the promised shape and never repeats', () => {
    const made = new Set(Array.from({ length: 50 }, () => generatePassword()))
    expect(made.size).toBe(50)
    for (const password of made) expect(password).toMatch(/^([a-km-zA-HJ-NP-Z2-9]{5}-){3}[a-km-zA-HJ-NP-Z2-9]{5}$/)
  })

  it('throws biased bytes away', () => {
    let calls = 0
    const password = generatePassword((bytes) => {
      calls += 1
      return bytes.fill(calls === 1 ? 255 : 0)
    })
    expect(password).toBe('aaaaa-aaaaa-aaaaa-aaaaa')
  })
})
