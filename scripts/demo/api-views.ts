import type { Verdict } from '../../services/domain/gate/verdict.ts'
import type { PlanSummary } from '../../services/domain/policy/plan-summary.ts'
import type { RunStatus } from '../../services/domain/rollout/status.ts'

/** What the API answers with, as its types in the domain say. */
export type RunView = RunStatus
export type VerdictView = Verdict
export type PlanSummaryView = PlanSummary
