import { plan } from '../shadow/plan.ts'

export const borrowed = plan
