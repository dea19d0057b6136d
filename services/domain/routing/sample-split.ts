import type { Split } from '../events/records.ts'

/** A run whose candidate serves everybody of one wave, without a lease, for the tests of whoever obeys or reads splits. */
export function sampleSplit(change: Partial<Split> = {}): Split {
  return {
    route: 'r',
    epoch: 3,
    run: 'run',
    default_variant: 'old',
    variants: [
      { id: 'old', provider: 'p', model: 'm', prompt_version: null, parameters: {} },
      { id: 'new', provider: 'p', model: 'n', prompt_version: null, parameters: {} },
    ],
    sticky_key: 'session',
    salt: 's',
    rules: [{ id: 'all', wave: 'w', match: {}, candidate_weight: 100_000 }],
    stage_entries: { w: 1 },
    stages: { w: 'canary' },
    shadow: null,
    lease_ms: null,
    on_lapse: 'baseline',
    releases: [],
    routers: ['gateway'],
    written_at: 0,
    decision_id: 'd',
    ...change,
  }
}
