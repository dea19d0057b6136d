import { stageOf } from './build-split.ts'
import type { RunEvent, Transition } from './events.ts'
import type { Run } from './run.ts'
import { allAcked, entryOf, progress, type World } from './sample-world.ts'

/** A step of a run as a property test sees it. */
interface Step {
  readonly world: World
  readonly before: Run
  readonly event: RunEvent
  readonly after: Transition
}

const never = Number.POSITIVE_INFINITY

/**
 * What is wrong with a step; empty when all is well. No wave moves but by its own verdict, its own time, or a person who means it; and what one does is
 * nothing to the others.
 */
export function stepProblems(step: Step): readonly string[] {
  const { before, event, after } = step
  if (before.state.phase === 'draft') return []
  const { waves, phase } = before.state
  const moved = waves.flatMap((_, index) => (progress(after.run, index) > progress(before, index) ? [index] : []))
  const isPaused = phase === 'held' || phase === 'review'
  const problems = [...completionProblems(step)]
  if (moved.length === 0) return problems
  if (isPaused && event.kind !== 'command') problems.push(`moved by a ${event.kind} while ${phase}`)
  const isFull = event.kind === 'command' && event.command.kind === 'promote' && event.command.payload.includes('true')
  if (!isFull) problems.push(...moved.flatMap((index) => waveProblems(step, index, moved)))
  for (const [index, wave] of waves.entries()) {
    const now = after.run.state.waves[index]
    if (moved.includes(index) || now === undefined) continue
    if (now.stageEntry !== wave.stageEntry || now.enteredAtMs !== wave.enteredAtMs)
      problems.push(`wave ${wave.id} was entered anew by the step of another`)
    const isKept = isPaused ? (now.startedAtMs ?? -1) >= (wave.startedAtMs ?? -1) : now.startedAtMs === wave.startedAtMs
    if (!isKept) problems.push(`wave ${wave.id} lost its start by the step of another`)
  }
  return problems
}

function waveProblems(step: Step, index: number, moved: readonly number[]): readonly string[] {
  const { before, after } = step
  const wave = before.state.waves[index]
  if (wave?.status !== 'waiting') return movedProblems(step, index)
  const isNext = moved.includes(index - 1) && after.run.state.waves[index - 1]?.status === 'finished'
  return before.spec.waveOrder !== 'together' && isNext ? [] : [`wave ${wave.id} entered before its turn`]
}

function movedProblems({ world, before, event, after }: Step, index: number): readonly string[] {
  const wave = before.state.waves[index]
  const stage = stageOf(before, index)
  const lastedMs = world.nowMs - (wave?.startedAtMs ?? never)
  const passed = world.passes.has(entryOf(before, index))
  const isMeant = event.kind === 'command' && [wave?.id, null].includes(event.command.wave)
  const human = isMeant && event.kind === 'command' && ['promote', 'approve'].includes(event.command.kind)
  const labelled = after.run.state.overrides.length > before.state.overrides.length
  const decision = after.effects.find((effect) => effect.kind === 'decision')?.decision
  const approved = human && wave?.ask?.kind === 'approval'
  // At full weight there is nothing left to raise: time and guardrails end the stage.
  const full = stage?.candidateWeight === 100_000 && (approved || lastedMs >= stage.minDurationMs)
  const isSaid = JSON.parse(decision?.analysis ?? '{}').override === true
  return [
    ...(passed || full || (human && labelled) ? [] : ['moved without a verdict or a label']),
    ...(stage?.approval === 'manual' && !human ? ['left without the person it asks for'] : []),
    ...(human || lastedMs >= (stage?.minDurationMs ?? 0) ? [] : ['left before its time']),
    ...(passed || full || isSaid ? [] : ['an override that its decision does not tell']),
  ].map((problem) => `wave ${wave?.id ?? ''}: ${problem}`)
}

function completionProblems({ world, before, event, after }: Step): readonly string[] {
  if (after.run.state.phase !== 'completed' || before.state.phase === 'completed') return []
  if (event.kind === 'command' && event.command.kind === 'promote') return []
  const isOver = before.state.phase === 'bake' && (before.state.bakeUntilMs ?? never) <= world.nowMs
  return isOver && allAcked(world) ? [] : ['completed before the bake was over and acked']
}
