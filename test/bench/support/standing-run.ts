import type { Split } from '../../../services/domain/events/records.ts'
import type { RolloutDocument } from '../../../services/domain/policy/rollout-document.ts'
import { type ControlLog, found } from './control-log.ts'
import type { OpenPenstock } from './open-penstock.ts'
import { fileOf } from './rollout-file.ts'

/** A run whose candidate gets its share: the gateway has acked the split, and its lease lives. */
export interface StandingRun {
  readonly run: string
  readonly route: string
  readonly split: Split
}

/** Applies a rollout file and waits until its run stands in its first stage with a weight. */
export async function standUp(
  { penstock, log }: Pick<OpenPenstock, 'penstock' | 'log'>,
  document: RolloutDocument,
  golden: readonly unknown[] | null = null,
): Promise<StandingRun> {
  const { run } = await penstock.api.apply(fileOf(document), golden)
  if (document.shadow?.share !== 0) {
    const started = async () => (await penstock.api.status(run)).phase === 'shadow'
    while (!(await started())) await new Promise((resolve) => setTimeout(resolve, 50))
    await penstock.post(`/v1/runs/${run}/commands`, { kind: 'promote', reason: 'bench' })
  }
  return standing(log, run, document.route)
}

/** Waits until the candidate of a run gets its share, after `afterEpoch`. */
export async function standing(log: ControlLog, run: string, route: string, afterEpoch = -1): Promise<StandingRun> {
  const weighted = ({ value }: { readonly value: Split }) =>
    value.run === run && value.epoch > afterEpoch && value.rules.some(({ candidate_weight }) => candidate_weight > 0)
  const { value: split } = await found(`a split of ${run}`, () => log.splits.findLast(weighted))
  await found(`a live lease of ${run}`, () =>
    log.acks.find(
      ({ value: ack }) =>
        ack.route === route && ack.epoch === split.epoch && ack.lease === 'live' && ack.brakes.length === 0,
    ),
  )
  return { run, route, split }
}
