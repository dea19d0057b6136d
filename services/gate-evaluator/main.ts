import { runProcess } from '../platform/lifecycle/run-process.ts'
import { loadGateConfig } from './config.ts'
import { startGateEvaluator } from './start.ts'

const config = loadGateConfig(process.argv.slice(2))
await runProcess({ name: 'gate-evaluator', logLevel: config.logLevel, adminPort: config.adminPort }, (scope) =>
  startGateEvaluator(scope, config),
)
