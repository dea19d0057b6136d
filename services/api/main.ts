import { runProcess } from '../platform/lifecycle/run-process.ts'
import { loadApiConfig } from './config.ts'
import { startApi } from './start.ts'

const config = loadApiConfig(process.argv.slice(2))
await runProcess({ name: 'api', logLevel: config.logLevel, adminPort: config.adminPort }, async (scope) => {
  await startApi(scope, config)
})
