import { runProcess } from '../platform/lifecycle/run-process.ts'
import { loadGatewayConfig } from './config.ts'
import { startGateway } from './start.ts'

const config = loadGatewayConfig(process.argv.slice(2))
await runProcess({ name: 'gateway', logLevel: config.logLevel, adminPort: config.adminPort }, async (scope) => {
  await startGateway(scope, config)
})
