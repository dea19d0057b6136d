import { plan } from './shadow/plan.ts'

export const topics = { plan }
