import type { AnalysisPlan } from '../gate/plan.ts'
import type { Verdict } from '../gate/verdict.ts'
import type { RolloutSpec } from './spec.ts'

/**
 * What `Command.kind` may be, with the JSON type of `Command.payload`. People and CI send all but `verdict`; gates send `verdict`.
 * A command that names a wave and stage entry other than the present ones is recorded as a decision and refused.
 */
export interface CommandPayloads {
  readonly apply: { readonly spec: RolloutSpec; readonly plan: AnalysisPlan }
  readonly verdict: Verdict
  /** To the next stage without a passing verdict: outside the error budget, and said so. */
  readonly promote: { readonly full: boolean }
  readonly hold: Record<string, never>
  readonly resume: Record<string, never>
  readonly rollback: Record<string, never>
  readonly approve: Record<string, never>
  readonly reject: Record<string, never>
  /** Lifts a latch of the run (the next split names it in `releases`). */
  readonly release: { readonly latch: string }
}

export type CommandKind = keyof CommandPayloads

const kinds: Readonly<Record<CommandKind, true>> = {
  apply: true,
  verdict: true,
  promote: true,
  hold: true,
  resume: true,
  rollback: true,
  approve: true,
  reject: true,
  release: true,
}

export function isCommandKind(kind: string): kind is CommandKind {
  return Object.hasOwn(kinds, kind)
}
