import type { Part } from '../support/measured-part.ts'
import type { HalfPairs } from './half-pairs.ts'
import type { ManyRollouts } from './many-rollouts.ts'
import type { OverloadResults } from './overload.ts'
import type { SoakResults } from './soak.ts'
import type { TenantResults } from './tenant.ts'

/** Everything that is kept in limits.json; parts are measured one by one. */
export interface LimitsResults {
  readonly overload?: Part<OverloadResults>
  readonly soak?: Part<SoakResults>
  readonly tenant?: Part<TenantResults>
  /** At a rate that does not fit. */
  readonly tenantScarce?: Part<TenantResults>
  readonly halfPairs?: Part<readonly HalfPairs[]>
  readonly rollouts?: Part<ManyRollouts>
}
