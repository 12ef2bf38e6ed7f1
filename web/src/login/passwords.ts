/** Rules and making of passwords. Pure but for the browser's randomness. */

/** The server takes no shorter operator password. */
export const MIN_LENGTH = 12

/** Why a new operator password will not do, or null. The server decides; this only saves a round trip. */
export function passwordProblem(next: string, repeated: string, current: string): string | null {
  const length = [...next].length
  if (length < MIN_LENGTH) return `At least ${MIN_LENGTH} characters; this has ${length}.`
  if (next === current) return 'The new password must differ from the current one.'
  if (next !== repeated) return 'The two passwords differ.'
  return null
}

/** No letters and digits that look alike. */
const ALPHABET = 'abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789'

/** A random password of four groups of five, about 115 bits. */
export function generatePassword(random: (bytes: Uint8Array<ArrayBuffer>) => Uint8Array = (b) => crypto.getRandomValues(b)): string {
  const letters: string[] = []
  // bytes beyond the largest multiple of the alphabet are thrown away, so that no letter is likelier
  const limit = 256 - (256 % ALPHABET.length)
  while (letters.length < 20) {
    for (const byte of random(new Uint8Array(32))) {
      if (byte < limit && letters.length < 20) letters.push(ALPHABET.charAt(byte % ALPHABET.length))
    }
  }
  const text = letters.join('')
  return [0, 5, 10, 15].map((at) => text.slice(at, at + 5)).join('-')
}
