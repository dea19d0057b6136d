import { setTimeout as delay } from 'node:timers/promises'

/** Looks four times a second. @throws when it does not come true in time */
export async function until(what: string, withinS: number, holds: () => Promise<boolean>): Promise<void> {
  for (const endMs = performance.now() + withinS * 1_000; performance.now() < endMs; await delay(250))
    if (await holds()) return
  throw new Error(`waited ${withinS} s in vain for ${what}`)
}
