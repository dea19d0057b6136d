import { plan } from '../services/shadow/plan.ts'

export const borrowed = plan
