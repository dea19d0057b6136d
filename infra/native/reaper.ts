/**
 * Ends a test stack when the process that started it ends, however it ends: standard input is a pipe from that process, and the kernel closes it.
 *   node reaper.ts <folder of the stack>
 */
import { rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { endProcess, findMarked, isAlive, type ProcessId } from './processes.ts'
import { partNames, readState } from './state.ts'
import { markerPrefix } from './supervise.ts'

const [dir = ''] = process.argv.slice(2)
const quietRoundsWanted = 4
const roundMs = 100

for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => {
    // A signal to the whole group reaches the owner as well; its end is what counts.
  })
}
process.stdin.resume()
process.stdin.once('error', () => void reap())
process.stdin.once('end', () => void reap())

/** A starter killed in the middle may have left a process that starts another: looks again until nothing shows up for a while. */
async function reap(): Promise<void> {
  for (let quietRounds = 0; quietRounds < quietRoundsWanted; ) {
    const found = processes()
    await Promise.all(found.map((id) => endProcess(id, 0)))
    quietRounds = found.length === 0 ? quietRounds + 1 : 0
    await sleep(roundMs)
  }
  rmSync(dir, { recursive: true, force: true })
  process.exit(0)
}

function processes(): readonly ProcessId[] {
  // Also stacks in folders below: a test that starts one of its own puts it there.
  const marked = [markerPrefix(dir), `${dir}/`].flatMap((prefix) => [...findMarked(prefix).values()].flat())
  return [...marked, ...recorded()].filter(({ pid }) => pid !== process.pid)
}

function recorded(): readonly ProcessId[] {
  try {
    const state = readState(dir)
    if (state === null) return []
    return partNames.flatMap((name) => Object.values(state.parts[name])).filter((id) => id !== null && isAlive(id))
  } catch {
    return []
  }
}
