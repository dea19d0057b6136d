import { runProcess } from '../platform/lifecycle/run-process.ts'
import { loadShadowConfig } from './config.ts'
import { startShadow } from './start.ts'

const config = loadShadowConfig(process.argv.slice(2))
await runProcess({ name: 'shadow', logLevel: config.logLevel, adminPort: config.adminPort }, (scope) =>
  startShadow(scope, config),
)
