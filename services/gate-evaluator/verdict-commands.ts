import { createHash } from 'node:crypto'
import type { Command, Latch } from '../domain/events/records.ts'
import type { Breach } from '../domain/gate/run-gate.ts'
import type { Verdict } from '../domain/gate/verdict.ts'

/** The same finding has the same id whichever gate instance makes it, and however often: twice is once. */
function idOf(...parts: readonly (string | number)[]): string {
  return createHash('sha256').update(parts.join('\u001f')).digest('hex').slice(0, 24)
}

/** The brake for a breach. Written by the gate itself, before anyone else is asked. */
export function latchFor(
  run: { readonly id: string; readonly route: string },
  breach: Breach,
  reason: string,
  gate: string,
  nowMs: number,
): Latch {
  return {
    id: idOf(run.id, breach.wave, breach.stageEntry, breach.test),
    route: run.route,
    run: run.id,
    wave: null,
    reason,
    by: `gate/${gate}`,
    breached_at: nowMs,
    written_at: nowMs,
  }
}

/** The verdict as a command for the controller; names the stage entry that it judged. */
export function verdictCommand(
  run: string,
  wave: string,
  stageEntry: number,
  verdict: Verdict,
  about: string,
  nowMs: number,
): Command {
  return {
    id: idOf(run, wave, stageEntry, verdict.outcome, verdict.reasonCode, about),
    run,
    wave,
    stage_entry: stageEntry,
    kind: 'verdict',
    by: `gate/${verdict.gate}`,
    reason: verdict.reason,
    payload: JSON.stringify(verdict),
    at: nowMs,
  }
}
