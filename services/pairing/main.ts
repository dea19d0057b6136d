import { runProcess } from '../platform/lifecycle/run-process.ts'
import { loadPairingConfig } from './config.ts'
import { startPairing } from './start.ts'

const config = loadPairingConfig(process.argv.slice(2))
await runProcess({ name: 'pairing', logLevel: config.logLevel, adminPort: config.adminPort }, (scope) =>
  startPairing(scope, config),
)
