import { runProcess } from '../../../services/platform/lifecycle/run-process.ts'
import { loadSinkConfig } from '../../../services/sink/config.ts'
import { startSink } from '../../../services/sink/start.ts'

// The sink as `services/sink/main.ts` starts it, but for its redactor, which passes every text: what redaction costs is the difference.
const config = loadSinkConfig(process.argv.slice(2))
await runProcess({ name: 'sink', logLevel: config.logLevel, adminPort: config.adminPort }, (scope) =>
  startSink(scope, config, (text) => ({ text, counts: {} })),
)
