import { z } from 'zod'
import { type ConfigOf, commonSettings, loadConfig, setting } from '../platform/config/load-config.ts'

const settings = {
  ...commonSettings,
  groupId: setting('PENSTOCK_PAIRING_GROUP', 'consumer group of the exchanges', z.string().min(1).default('pairing')),
  openMax: setting(
    'PENSTOCK_PAIRING_OPEN_MAX',
    'most open exchanges per partition; above it the oldest is given up and counted',
    z.coerce.number().int().min(1_000).max(10_000_000).default(200_000),
  ),
} as const

export type PairingConfig = ConfigOf<typeof settings>

export function loadPairingConfig(argv: readonly string[]): PairingConfig {
  return loadConfig('pairing', settings, process.env, argv)
}
