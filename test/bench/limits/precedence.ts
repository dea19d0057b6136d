import { readdirSync } from 'node:fs'
import { getPriority, setPriority } from 'node:os'
import { findMarked } from '../../../infra/native/processes.ts'
import { serviceOf } from '../support/busy-processors.ts'

/** How much nicer than who asks and the model, which have machines of their own: the gateway, and all others, which give way to the live path. */
const nicer = { gateway: 3, others: 9 }
const nicest = 19

/**
 * Whoever asks and the model come first for the processor, as they would with machines of their own, so that it is Penstock that is overloaded and not they; then the
 * gateway; all other services and the servers get what is left. Linux keeps priorities by thread, and a new thread has its maker's.
 */
export function putLivePathFirst(stackDir: string): void {
  for (const [marker, ids] of findMarked(stackDir)) {
    const isServer = marker.startsWith(`${stackDir}#`)
    for (const { pid } of ids) {
      const by = !isServer && serviceOf(pid) === 'gateway' ? nicer.gateway : nicer.others
      const priority = Math.min(nicest, getPriority() + by)
      for (const thread of readdirSync(`/proc/${pid}/task`)) setPriority(Number(thread), priority)
    }
  }
}
