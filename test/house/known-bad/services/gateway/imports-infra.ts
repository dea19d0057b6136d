import { brokers } from '../../infra/native/stack.ts'

export const kafka = brokers
