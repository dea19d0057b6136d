import { z } from 'zod'
import { type ConfigOf, commonSettings, loadConfig, setting } from '../platform/config/load-config.ts'

const settings = {
  ...commonSettings,
  groupId: setting(
    'PENSTOCK_CONTROLLER_GROUP',
    'consumer group of the commands',
    z.string().min(1).default('rollout-controller'),
  ),
  tickMs: setting(
    'PENSTOCK_CONTROLLER_TICK_MS',
    'how often time is looked at',
    z.coerce.number().int().min(50).max(60_000).default(1_000),
  ),
  commandsMax: setting(
    'PENSTOCK_CONTROLLER_COMMANDS_MAX',
    'most commands in one transaction',
    z.coerce.number().int().min(1).max(1_000).default(50),
  ),
} as const

export type ControllerConfig = ConfigOf<typeof settings>

export function loadControllerConfig(argv: readonly string[]): ControllerConfig {
  return loadConfig('rollout-controller', settings, process.env, argv)
}
