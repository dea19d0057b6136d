import type { RolloutDocument } from '../../../services/domain/policy/rollout-document.ts'

/** As `apply` takes it; YAML is a superset of JSON. */
export function fileOf(document: RolloutDocument): string {
  return JSON.stringify({ apiVersion: 'penstock/v1', kind: 'Rollout', ...document })
}
