import { existsSync, mkdirSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { defaultStackDir } from '../infra/native/config.ts'
import { openStack, startStack } from '../infra/native/stack.ts'
import { deployOnStack } from './installation/deploy-on-stack.ts'
import { environmentOf } from './installation/environment.ts'
import { keepSecrets, writeCliFile, writeTokensFile } from './installation/installation-files.ts'
import { awaitAnswer, startServiceProcess } from './installation/service-process.ts'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const usage = `npm start [-- --providers FILE] [--gateway-port N] [--api-port N] [--admin-port N] [--keep-stack]

Starts a native Kafka, registry, Redis and ClickHouse (npm run stack), deploys topics, schemas and tables, and runs all services in one
process until Ctrl-C. For development and small installs; in production run each service alone (services/README.md).

  --providers     providers, routes and tenants (default penstock.yaml; start from examples/providers.yaml)
  --gateway-port  port of the OpenAI-compatible gateway (default 8080)
  --api-port      port of the API (default 8090)
  --admin-port    port of /livez, /readyz and /metrics (default 9464)
  --keep-stack    leave the servers running at the end, as they are left when they ran before
  --help          this text

The CLI finds the API by .penstock/cli.json, which is there while this runs: npm run -s penstock -- get
`

process.exitCode = await main(process.argv.slice(2))

async function main(argv: readonly string[]): Promise<number> {
  const options = parse(argv)
  if (typeof options === 'string') {
    process.stderr.write(`${options}\n\n${usage}`)
    return 2
  }
  if (options.help) {
    process.stdout.write(usage)
    return 0
  }
  if (!existsSync(options.providers)) {
    process.stderr.write(
      `start: there is no file ${options.providers}; copy examples/providers.yaml to penstock.yaml, name your providers, routes and tenants in it, and start again (or say --providers FILE)\n`,
    )
    return 2
  }
  return run(options)
}

interface Options {
  readonly help: boolean
  readonly providers: string
  readonly gatewayPort: number
  readonly apiPort: number
  readonly adminPort: number
  readonly keepStack: boolean
}

async function run(options: Options): Promise<number> {
  const dir = join(root, '.penstock')
  const say = (text: string) => process.stdout.write(`${text}\n`)
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const interrupted = new Promise<void>((resolve) => {
    process.on('SIGINT', resolve)
    process.on('SIGTERM', resolve)
  })
  const keepStack = options.keepStack || (await isUp(defaultStackDir()))
  const stack = await startStack({
    dir: defaultStackDir(),
    onProgress: ({ part, message }) => say(`${part}: ${message}`),
  })
  let forgetCli = () => {}
  try {
    const done = await deployOnStack(stack, '', 'penstock')
    say(`deployed: ${done.topics.created.length} topics made, ${done.migrations.applied.length} migrations applied`)
    const secrets = keepSecrets(dir)
    const services = startServiceProcess({
      service: 'standalone',
      logPath: null,
      environment: environmentOf(stack, {
        topicPrefix: '',
        database: 'penstock',
        stateDir: join(dir, 'state'),
        providersFile: options.providers,
        tokensFile: writeTokensFile(dir, 'start', secrets.apiToken),
        hashKey: secrets.hashKey,
        gatewayId: 'gateway',
        gateId: 'gate',
        gatewayPort: options.gatewayPort,
        apiPort: options.apiPort,
        adminPort: options.adminPort,
      }),
    })
    void interrupted.then(() => services.stop())
    const apiUrl = `http://127.0.0.1:${options.apiPort}`
    forgetCli = writeCliFile(dir, apiUrl, secrets.apiToken)
    const ready = `http://127.0.0.1:${options.adminPort}/readyz`
    await awaitAnswer(services, ready, { withinMs: 60_000, logPath: 'above' })
    say(`gateway  http://127.0.0.1:${options.gatewayPort}/v1`)
    say(`api      ${apiUrl}  (npm run -s penstock -- --help)`)
    say(`store    ${stack.clickhouse.url}, database penstock, user ${stack.clickhouse.users.reader.user}`)
    return (await services.ended) ?? 1
  } catch (error) {
    process.stderr.write(`start: ${error instanceof Error ? error.message : String(error)}\n`)
    return 1
  } finally {
    forgetCli()
    if (!keepStack) await stack.stop()
  }
}

/** What somebody else started stays up when this ends. */
async function isUp(stackDir: string): Promise<boolean> {
  if (!existsSync(join(stackDir, 'state.json'))) return false
  const conditions = Object.values(await openStack(stackDir).status())
  return conditions.every(({ condition }) => condition === 'ready')
}

function parse(argv: readonly string[]): Options | string {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        help: { type: 'boolean', default: false },
        'keep-stack': { type: 'boolean', default: false },
        providers: { type: 'string', default: 'penstock.yaml' },
        'gateway-port': { type: 'string', default: '8080' },
        'api-port': { type: 'string', default: '8090' },
        'admin-port': { type: 'string', default: '9464' },
      },
    })
    return {
      help: values.help,
      keepStack: values['keep-stack'],
      providers: resolve(values.providers),
      gatewayPort: portOf('--gateway-port', values['gateway-port']),
      apiPort: portOf('--api-port', values['api-port']),
      adminPort: portOf('--admin-port', values['admin-port']),
    }
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function portOf(flag: string, text: string): number {
  const port = Number(text)
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new Error(`${flag} ${text}: a port is 1 to 65535`)
  return port
}
