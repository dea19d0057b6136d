import type { Api } from '../../services/api/api-types.ts'

/** What the API answers with, as `schemas/openapi.yaml` says. */
export type RunView = Api['RunStatus']
export type VerdictView = Api['Verdict']
export type PlanSummaryView = Api['PlanSummary']
export type PairView = Api['Pair']
export type ProblemView = Api['Problem']
