import type { RolloutDocument } from '../../../services/domain/policy/rollout-document.ts'
import { baselineModel, candidateModel } from '../support/model-names.ts'
import type { FaultCell } from './fault-cell.ts'
import { answerTo, questionOf } from './model-server.ts'
import { questions } from './steady-traffic.ts'

/** Of the answers of the file: when a leg counts as lost, and what is waited for after that. */
export const legTimeoutMs = 2_000
export const graceMs = 500

let candidates = 0

const shared = (route: string) => {
  candidates += 1
  return {
    name: route,
    route,
    change: 'model',
    baseline: { id: 'old', provider: 'bench', model: baselineModel(route) },
    // Another candidate each time, so that no cooldown holds it up.
    candidate: { id: 'new', provider: 'bench', model: candidateModel(route), parameters: { seed: candidates } },
    routers: ['gateway-test'],
    stickyKey: 'user',
    legTimeout: `${legTimeoutMs}ms`,
    grace: `${graceMs}ms`,
  } as const
}

/** Half of the traffic at once and no shadow calls: what is measured is how a brake travels, not how it is decided. */
export function brakedRollout(route: string, lease = '20s'): RolloutDocument {
  return {
    ...shared(route),
    lease,
    shadow: { share: 0 },
    stages: [{ weight: '50%', minDuration: '30m' }, { weight: '100%' }],
    statistics: { stickyKeysMin: 40 },
  }
}

/** Shadow first, then a tenth of the users: the default rules of a model change with its horizons shortened to `legTimeoutMs`. */
export function observedRollout(route: string): RolloutDocument {
  return {
    ...shared(route),
    shadow: { share: 1, startWithin: '500ms', budget: { usd: 1_000, calls: 1_000_000 } },
    calibrationPairs: 0,
    stages: [{ weight: '0%', minDuration: '30m' }, { weight: '10%', minDuration: '30m' }, { weight: '100%' }],
    metrics: {
      latency_over_budget: { budget: '1s' },
      ttft_over_budget: { budget: '1s' },
    },
  }
}

/** The same beside a golden set, with legs that may take a minute where its horizons are the default ones. */
export function guardedRollout(route: string, horizons: FaultCell['horizons']): RolloutDocument {
  const short: RolloutDocument = { ...observedRollout(route), golden: { file: 'golden.jsonl' } }
  if (horizons === 'short') return short
  const { legTimeout: _, grace: __, ...byDefault } = short
  return byDefault
}

/** What is right for each question that the traffic asks. */
export const goldenEntries = Array.from({ length: questions }, (_, number) => ({
  ref: `q${number}`,
  expected: answerTo(questionOf(number)),
}))
