import { loadApiConfig } from '../api/config.ts'
import { startApi } from '../api/start.ts'
import { loadGateConfig } from '../gate-evaluator/config.ts'
import { startGateEvaluator } from '../gate-evaluator/start.ts'
import { loadGatewayConfig } from '../gateway/config.ts'
import { startGateway } from '../gateway/start.ts'
import { loadPairingConfig } from '../pairing/config.ts'
import { startPairing } from '../pairing/start.ts'
import { runProcess } from '../platform/lifecycle/run-process.ts'
import { loadControllerConfig } from '../rollout-controller/config.ts'
import { startRolloutController } from '../rollout-controller/start.ts'
import { loadShadowConfig } from '../shadow/config.ts'
import { startShadow } from '../shadow/start.ts'
import { loadSinkConfig } from '../sink/config.ts'
import { startSink } from '../sink/start.ts'

/** All services in one process: for development, the demo and small installs. In production each service runs alone. */
const services = ['gateway', 'shadow', 'pairing', 'sink', 'gate-evaluator', 'rollout-controller', 'api']
if (process.argv.includes('--help')) {
  process.stdout.write(
    `penstock: all services in one process, each configured by its own environment variables:\n\n${services.map((name) => `  node services/${name}/main.ts --help\n`).join('')}\n  --validate  check the configuration of all of them and exit\n`,
  )
  process.exit(0)
}
const argv: readonly string[] = []
const gateway = loadGatewayConfig(argv)
const shadow = loadShadowConfig(argv)
const pairing = loadPairingConfig(argv)
const sink = loadSinkConfig(argv)
const gate = loadGateConfig(argv)
const controller = loadControllerConfig(argv)
const api = loadApiConfig(argv)
if (process.argv.includes('--validate')) {
  process.stdout.write('penstock: the configuration of all services is valid\n')
  process.exit(0)
}

const { logLevel, adminPort, stopMs } = gateway
await runProcess({ name: 'penstock', logLevel, adminPort, deadlineMs: stopMs }, async (scope) => {
  await startRolloutController(scope.child('rollout-controller'), controller)
  await startGateEvaluator(scope.child('gate-evaluator'), gate)
  await startPairing(scope.child('pairing'), pairing)
  await startSink(scope.child('sink'), sink)
  await startShadow(scope.child('shadow'), shadow)
  await startGateway(scope.child('gateway'), gateway)
  await startApi(scope.child('api'), api)
})
