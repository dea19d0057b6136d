import { performance } from 'node:perf_hooks'
import type { Clock } from '../../domain/time/clock.ts'

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monoMs: () => performance.now(),
}
