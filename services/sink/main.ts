import { runProcess } from '../platform/lifecycle/run-process.ts'
import { loadSinkConfig } from './config.ts'
import { startSink } from './start.ts'

const config = loadSinkConfig(process.argv.slice(2))
await runProcess({ name: 'sink', logLevel: config.logLevel, adminPort: config.adminPort }, (scope) =>
  startSink(scope, config),
)
