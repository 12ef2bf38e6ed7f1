// Size of the program, memory at rest, time until it answers.

import { statSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'

import { median } from '../measure.mjs'
import { Server, binary, freePort, temporaryFolder } from '../../tests/harness/server.mjs'

export const title = 'Size, memory and start'
const RUNS = 5
const MIB = 1024 * 1024

export async function measure(table) {
  const fresh = await newDirectories()
  const { ready, memory } = await existingDirectory()
  const seconds = { unit: 's', beside: `median of ${RUNS}` }
  table.below('size of the binary, web app inside', statSync(binary).size / MIB, { most: 23.8, unit: 'MiB' })
  table.below('resident memory at rest', memory, { most: 15, unit: 'MiB', beside: `median of ${RUNS}` })
  table.below('ready on an existing data directory', ready / 1000, { most: 0.5, ...seconds })
  table.below('ready on a new data directory, initdb included', fresh / 1000, { most: 2, ...seconds })
}

async function newDirectories() {
  const outside = []
  for (let run = 0; run < RUNS; run++) {
    const server = await Server.start(null)
    outside.push(server.readyMs)
    await server.stop()
    await rm(join(server.home, '..'), { recursive: true, force: true })
  }
  return median(outside)
}

async function existingDirectory() {
  const folder = await temporaryFolder(null)
  const databasePort = await freePort()
  const server = await Server.start(null, { home: join(folder, 'home'), databasePort })
  const outside = []
  const memory = []
  for (let run = 0; run < RUNS; run++) {
    await server.stop()
    await server.restart({ databasePort })
    outside.push(server.readyMs)
    memory.push(await server.memory('VmRSS'))
  }
  await server.dispose()
  await rm(folder, { recursive: true, force: true })
  return { ready: median(outside), memory: median(memory) / 1024 }
}
