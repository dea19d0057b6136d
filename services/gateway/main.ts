import { runProcess } from '../platform/lifecycle/run-process.ts'
import { loadGatewayConfig } from './config.ts'
import { startGateway } from './start.ts'

const config = loadGatewayConfig(process.argv.slice(2))
const { logLevel, adminPort, stopMs } = config
await runProcess({ name: 'gateway', logLevel, adminPort, deadlineMs: stopMs }, async (scope) => {
  await startGateway(scope, config)
})
