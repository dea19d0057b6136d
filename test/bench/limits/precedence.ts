import { readdirSync } from 'node:fs'
import { getPriority, setPriority } from 'node:os'
import { findMarked } from '../../../infra/native/processes.ts'
import { serviceOf } from '../support/busy-processors.ts'

/** How much nicer than who asks: the processor then serves them as if they had another machine. */
const nicer = 9
const nicest = 19

/**
 * The live path (whoever asks, the model, the gateway) comes first for the processor, as it would with machines of its own; all other services and the
 * servers get what it leaves. Linux keeps priorities by thread, and a new thread has its maker's.
 */
export function putLivePathFirst(stackDir: string): void {
  const priority = Math.min(nicest, getPriority() + nicer)
  for (const [marker, ids] of findMarked(stackDir)) {
    const isServer = marker.startsWith(`${stackDir}#`)
    for (const { pid } of ids) {
      if (!isServer && serviceOf(pid) === 'gateway') continue
      for (const thread of readdirSync(`/proc/${pid}/task`)) setPriority(Number(thread), priority)
    }
  }
}
