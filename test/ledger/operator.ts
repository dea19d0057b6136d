import { setTimeout as delay } from 'node:timers/promises'
import type { TestInstallation } from '../support/service-installation.ts'

/** A person who holds a run and resumes it, again and again. */
export interface Operator {
  /** Resolves to the stated reasons of all commands that were answered with success; the others are in doubt. */
  stop(): Promise<{ readonly answered: readonly string[]; readonly inDoubt: number }>
}

const pauseMs = 3_000

export function startOperator(penstock: TestInstallation, run: string): Operator {
  const answered: string[] = []
  let inDoubt = 0
  const end = new AbortController()
  const work = async () => {
    for (let serial = 0; !end.signal.aborted; serial += 1) {
      const kind = serial % 2 === 0 ? 'hold' : 'resume'
      const reason = `ledger ${serial}`
      try {
        await penstock.post(`/v1/runs/${run}/commands`, { kind, reason })
        answered.push(reason)
      } catch {
        // No controller in time, or the command before it came late: whether it was decided on is for the log to say.
        inDoubt += 1
      }
      await delay(pauseMs, undefined, { signal: end.signal }).catch(() => undefined)
    }
  }
  const working = work()
  return {
    async stop() {
      end.abort()
      await working
      return { answered, inDoubt }
    },
  }
}
