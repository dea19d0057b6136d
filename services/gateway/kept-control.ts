import { readFileSync } from 'node:fs'
import { mkdir, open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Kill, Latch, Split } from '../domain/events/records.ts'
import type { Logger } from '../platform/log/logger.ts'

/** The last splits and brakes, as they are on disk: what a gateway obeys that starts without Kafka. */
export interface KeptControl {
  readonly splits: Record<string, Split>
  readonly latches: Record<string, Latch>
  readonly kills: Record<string, Kill>
}

export interface KeptControlFile {
  read(): KeptControl
  /** Writes what `kept` holds by then, soon and never on the loop that proxies. A disk that fails is said once and tried again. */
  save(kept: KeptControl): void
  /** Settles when what was saved is written, or has failed once more. */
  stop(): Promise<void>
}

const retryMs = 1_000

export function createKeptControlFile(path: string, log: Logger): KeptControlFile {
  const stopping = new AbortController()
  let unsaved: KeptControl | null = null
  let running: Promise<void> | null = null
  let failing = false
  const write = async (): Promise<void> => {
    while (unsaved !== null) {
      const kept = unsaved
      unsaved = null
      try {
        await writeWhole(path, JSON.stringify(kept))
        if (failing) log.info({}, 'splits and brakes are kept on disk again')
        failing = false
      } catch (error) {
        if (!failing) log.error({ err: String(error) }, 'splits and brakes not kept on disk; trying again')
        failing = true
        if (stopping.signal.aborted) return
        unsaved ??= kept
        await delay(retryMs, undefined, { signal: stopping.signal }).catch(() => undefined)
      }
    }
  }
  return {
    read: () => read(path, log),
    save(kept) {
      unsaved = kept
      running ??= write().finally(() => {
        running = null
      })
    },
    async stop() {
      stopping.abort()
      await running
    },
  }
}

function read(path: string, log: Logger): KeptControl {
  try {
    const kept = JSON.parse(readFileSync(path, 'utf8')) as Partial<KeptControl>
    return { splits: { ...kept.splits }, latches: { ...kept.latches }, kills: { ...kept.kills } }
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    const message = 'the splits and brakes on disk are not readable; serving defaults until Kafka tells'
    if (!missing) log.error({ err: String(error) }, message)
    return { splits: {}, latches: {}, kills: {} }
  }
}

/** Written whole, flushed and renamed: after a crash, also of the machine, the former file or this one is there. */
async function writeWhole(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const file = await open(`${path}.tmp`, 'w')
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(`${path}.tmp`, path)
}
