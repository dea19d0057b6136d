import { runProcess } from '../platform/lifecycle/run-process.ts'
import { loadControllerConfig } from './config.ts'
import { startRolloutController } from './start.ts'

const config = loadControllerConfig(process.argv.slice(2))
await runProcess({ name: 'rollout-controller', logLevel: config.logLevel, adminPort: config.adminPort }, (scope) =>
  startRolloutController(scope, config),
)
