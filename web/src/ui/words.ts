/** Sentences of the server, for reading. Pure. */

/** Makes a message that begins with a plain lower-case word begin like a sentence. */
export function sentence(text: string): string {
  return /^[a-z]+[\s,;:']/.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text
}
