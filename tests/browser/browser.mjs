// A real Chromium, and everything in it that must not happen: errors in the console, refused content, failed
// requests.

import assert from 'node:assert/strict'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { chromium } from 'playwright-core'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome']

function executable() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM
  const folders = (process.env.PATH ?? '').split(delimiter)
  for (const path of NAMES.flatMap((name) => folders.map((folder) => join(folder, name)))) {
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {
      // not here
    }
  }
  throw new Error('no Chromium found: install one, or set CHROMIUM=/path/to/it')
}

/** Starts a browser that ends with the test. */
export async function launch(t) {
  const flags = ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']
  if (process.getuid?.() === 0) flags.push('--no-sandbox')
  const browser = await chromium.launch({ executablePath: executable(), args: flags })
  t.after(() => browser.close())
  return browser
}

/** A page that keeps account of what goes wrong in it. */
export async function open(browser, server, options = {}) {
  const context = await browser.newContext({ baseURL: server.url, acceptDownloads: true, ...options })
  const wrongs = []
  await context.addInitScript(() => {
    addEventListener('securitypolicyviolation', (event) => console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`))
  })
  const page = await context.newPage()
  page.setDefaultTimeout(15_000)
  page.on('pageerror', (error) => wrongs.push(String(error)))
  page.on('console', (message) => {
    if (message.type() !== 'error' && message.type() !== 'warning') return
    // Chromium reports every refused request; those that a test provokes are named by it.
    if (/^Failed to load resource/.test(message.text())) return
    wrongs.push(message.text())
  })
  const refused = []
  page.on('response', (response) => {
    if (response.status() >= 400) refused.push(`${response.status()} ${response.request().method()} ${new URL(response.url()).pathname}`)
  })
  page.on('requestfailed', (request) => {
    // a download takes its request over, and a page that is left gives its own up
    if (!/ERR_ABORTED/.test(request.failure()?.errorText ?? '')) wrongs.push(`${request.failure()?.errorText} ${request.url()}`)
  })
  return {
    page,
    context,
    /** Checks that nothing went wrong, and that exactly the named requests were refused, since the last time. */
    allWell(...expected) {
      assert.deepEqual(wrongs.splice(0), [])
      assert.deepEqual(refused.splice(0).map((line) => line.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/, '<id>')), expected)
    },
  }
}
