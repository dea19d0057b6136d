import { hostname } from 'node:os'
import { z } from 'zod'
import { type ConfigOf, commonSettings, loadConfig, setting } from '../platform/config/load-config.ts'

const settings = {
  ...commonSettings,
  gateId: setting(
    'PENSTOCK_GATE_ID',
    'name of this gate in heartbeats, latches and verdicts',
    z.string().min(1).max(100).default(`gate-${hostname()}`),
  ),
  waitingMax: setting(
    'PENSTOCK_GATE_WAITING_MAX',
    'most records that wait for the frontier, per run',
    z.coerce.number().int().min(1_000).default(500_000),
  ),
  unitsMax: setting(
    'PENSTOCK_GATE_UNITS_MAX',
    'most units remembered, per run',
    z.coerce.number().int().min(1_000).default(1_000_000),
  ),
  snapshotMs: setting(
    'PENSTOCK_GATE_SNAPSHOT_MS',
    'how often a changed state is written',
    z.coerce.number().int().min(200).default(2_000),
  ),
} as const

export type GateConfig = ConfigOf<typeof settings>

export function loadGateConfig(argv: readonly string[]): GateConfig {
  return loadConfig('gate-evaluator', settings, process.env, argv)
}
