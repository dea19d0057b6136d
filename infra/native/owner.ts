import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { inheritedEnvironment } from './config.ts'

/** Whoever answers for a folder of servers. */
export interface Owner {
  /** The reaper then ends whatever runs of the folder, and removes it. */
  end(): void
}

const reaper = fileURLToPath(new URL('./reaper.ts', import.meta.url))

/** The reaper holds the other end of a pipe from this process: see reaper.ts. */
export function spawnReaper(dir: string): Owner {
  const child = spawn(process.execPath, [reaper, dir], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
    env: inheritedEnvironment(),
  })
  child.unref()
  child.stdin.on('error', () => {
    // It ended first; then there is nothing left to tell it.
  })
  if ('unref' in child.stdin && typeof child.stdin.unref === 'function') child.stdin.unref()
  return { end: () => child.stdin.end() }
}
