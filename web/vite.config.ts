import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'

// The console lives under /dashboard/ and is embedded in the server's binary. It must run under
// `default-src 'self'`, so nothing is inlined: no data: URLs, no inline polyfill.
export default defineConfig({
  base: '/dashboard/',
  plugins: [react()],
  build: {
    target: ['es2023', 'chrome123', 'firefox120', 'safari17.5'],
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
  },
  server: {
    proxy: { '/dashboard/api': 'http://127.0.0.1:54321' },
  },
  test: {
    environment: 'node',
    include: ['src/**/*.test.ts'],
  },
})
