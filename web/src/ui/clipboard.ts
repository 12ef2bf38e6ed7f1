/** Copies text; also where the page is served over plain HTTP and the clipboard API is missing. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    return copyBySelection(text)
  }
}

function copyBySelection(text: string): boolean {
  const area = document.createElement('textarea')
  area.value = text
  area.className = 'offscreen'
  area.setAttribute('aria-hidden', 'true')
  const active = document.activeElement
  const parent = document.querySelector('dialog[open]') ?? document.body
  parent.append(area)
  area.select()
  try {
    return document.execCommand('copy')
  } finally {
    area.remove()
    if (active instanceof HTMLElement) active.focus({ preventScroll: true })
  }
}
