import { specProblems } from './check-spec.ts'
import { isRecord } from './payload.ts'
import type { Phase, Run, WaveState } from './run.ts'
import { onlyWave } from './waves.ts'

const phases: Readonly<Record<Phase, true>> = {
  draft: true,
  shadow: true,
  canary: true,
  bake: true,
  completed: true,
  held: true,
  review: true,
  rolled_back: true,
  aborted: true,
}

function hasState(state: unknown): boolean {
  if (!isRecord(state) || typeof state['phase'] !== 'string' || !Object.hasOwn(phases, state['phase'])) return false
  const lists = ['waves', 'acked', 'latches', 'released', 'kills', 'handled', 'overrides']
  const numbers = ['epoch', 'since', 'revision']
  return (
    lists.every((field) => Array.isArray(state[field])) &&
    numbers.every((field) => typeof state[field] === 'number') &&
    isRecord(state['endedKills'])
  )
}

/** The JSON text of `rollout.runs.v1`. */
export function writeRun(run: Run): string {
  return JSON.stringify(run)
}

/** What is known of a run that was written before these parts of its state were kept. Such a run had one active wave, which was the one in review. */
function upcast(run: Run): Run {
  const { brakesApplied = {}, review, reasonCode, reason, reviewWave } = run.state
  const isKept = reviewWave !== undefined
  const asking = isKept || review === 'ack_rejected' ? null : review
  const last = onlyWave(run)
  const waves = run.state.waves.map((wave, index): WaveState => {
    const ask = asking !== null && index === last ? { kind: asking, reasonCode, reason } : null
    return { ...wave, ask: wave.ask ?? ask, lastVerdict: wave.lastVerdict ?? null }
  })
  const askingWave = asking === null ? null : (waves[last ?? 0]?.id ?? null)
  return { ...run, state: { ...run.state, brakesApplied, waves, reviewWave: isKept ? reviewWave : askingWave } }
}

/** Reads a `Run` from `rollout.runs.v1`; null for anything else, so that a foreign record is counted and not obeyed. */
export function readRun(text: string): Run | null {
  try {
    const value: unknown = JSON.parse(text)
    if (!isRecord(value) || !hasState(value['state']) || specProblems(value['spec']).length > 0) return null
    const texts = ['id', 'route', 'candidateHash', 'createdBy']
    if (
      !texts.every((field) => typeof value[field] === 'string') ||
      typeof value['createdAtMs'] !== 'number' ||
      typeof value['attempt'] !== 'number'
    )
      return null
    if (!isRecord(value['plan']) || typeof value['plan']['hash'] !== 'string') return null
    return upcast(value as unknown as Run)
  } catch {
    return null
  }
}
