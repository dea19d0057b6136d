import { writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { playCanary } from './demo/act-canary.ts'
import { playUpgrade } from './demo/act-upgrade.ts'
import { createApiClient } from './demo/api-client.ts'
import { type Installation, startInstallation } from './demo/installation.ts'
import { type FaultKind, type ModelServer, startModelServer } from './demo/model-server.ts'
import { arenaRecordings, driftRecordings } from './demo/recordings.ts'
import { createStage, type Stage } from './demo/stage.ts'

const usage = `npm run demo -- [--fault errors|latency|refusals] [--seed N] [--rate N] [--keep] [--dir DIR]

Installs what is missing, starts a native Kafka, registry, Redis and ClickHouse with all Penstock services, and plays two acts:
  1  a recorded model upgrade that looks better and is wrong; the shadow stage stops it
  2  a sound candidate that ramps and then begins to fail; the canary takes it back

  --fault   how the candidate of act 2 fails (default errors)
  --seed    order of the recorded prompts (default 7)
  --rate    requests a second (default 50)
  --keep    leave everything running at the end
  --dir     folder of the demonstration's data (default .penstock/demo)
`

const interruption = Symbol('interrupted')
const root = fileURLToPath(new URL('..', import.meta.url))
const faults: readonly string[] = ['errors', 'latency', 'refusals']

interface Options {
  readonly fault: FaultKind
  readonly seed: number
  readonly perSecond: number
  readonly keep: boolean
  readonly dir: string
}

const exitCode = await main(process.argv.slice(2))
// Not by itself: after an interruption the acts and their traffic are still under way.
process.exit(exitCode)

async function main(argv: readonly string[]): Promise<number> {
  if (argv.includes('--help')) {
    process.stdout.write(usage)
    return 0
  }
  const options = parse(argv)
  if (typeof options === 'string') {
    process.stderr.write(`${options}\n\n${usage}`)
    return 2
  }
  // From the first moment: the servers are processes of their own and would outlive this one.
  const interrupted = new Promise<typeof interruption>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve(interruption))
  })
  let model: ModelServer | null = null
  let installation: Installation | null = null
  try {
    const recordings = { drift: driftRecordings(), arena: arenaRecordings() }
    model = await startModelServer([...recordings.drift, ...recordings.arena])
    const stage = createStage()
    stage.title('Starting a real broker, registry, store and all services')
    installation = await startInstallation({ dir: options.dir, modelUrl: model.baseUrl, onProgress: stage.note })
    const ended = await Promise.race([play(stage, options, model, installation, recordings), interrupted])
    if (ended !== interruption) return ended ? 0 : 1
    process.stderr.write('\nInterrupted; stopping everything that was started.\n')
    return 130
  } catch (error) {
    process.stderr.write(
      `\nThe demonstration could not be played: ${error instanceof Error ? error.message : String(error)}\n`,
    )
    return 1
  } finally {
    await installation?.stop({ keep: options.keep })
    // With --keep the services stay, but the model server is this process.
    await model?.stop()
  }
}

/** Both acts and the report; says whether both ended as they should. */
async function play(
  stage: Stage,
  options: Options,
  model: ModelServer,
  installation: Installation,
  recordings: {
    readonly drift: ReturnType<typeof driftRecordings>
    readonly arena: ReturnType<typeof arenaRecordings>
  },
): Promise<boolean> {
  const startedAtMs = Date.now()
  const cast = {
    stage,
    model,
    installation,
    api: createApiClient(installation.apiUrl, installation.apiToken),
    seed: options.seed,
    perSecond: options.perSecond,
  }
  const upgrade = await playUpgrade(cast, recordings.drift)
  const canary = await playCanary(cast, recordings.arena, options.fault)
  const report = {
    fault: options.fault,
    seed: options.seed,
    seconds: (Date.now() - startedAtMs) / 1000,
    upgrade,
    canary,
  }
  writeFileSync(join(root, 'demo-report.json'), `${JSON.stringify(report, null, 2)}\n`)
  lookFurther(stage, installation, options, upgrade.run)
  return upgrade.stopped && canary.rolledBack
}

function lookFurther(stage: Stage, installation: Installation, options: Options, run: string): void {
  const { clickhouse } = installation
  stage.title('Look further')
  stage.say('Every number above came out of the running system; demo-report.json holds them.')
  const bounds = `run = '${run}', since = now() - INTERVAL 1 DAY, until = now()`
  stage.say(`SQL, as the reader "${clickhouse.user}" at ${clickhouse.url}:`)
  stage.say(
    `  SELECT metric, baseline_n, candidate_n, baseline_mean, candidate_mean FROM ${clickhouse.database}.segment_rates(${bounds}) WHERE segment = ''`,
  )
  stage.say(`  SELECT prompt, baseline_output, candidate_output FROM ${clickhouse.database}.pairs(${bounds}) LIMIT 3`)
  stage.say(
    `CLI: PENSTOCK_CLI_FILE=${relative(process.cwd(), join(installation.dir, 'cli.json'))} npm run -s penstock -- explain ${run}`,
  )
  stage.say(
    options.keep
      ? `Still running; stop it with: kill ${installation.servicesPid}; npm run stack -- down --dir ${join(options.dir, 'stack')}`
      : 'Stopping everything that was started (--keep leaves it up).',
  )
}

function parse(argv: readonly string[]): Options | string {
  const options = {
    fault: 'errors' as FaultKind,
    seed: 7,
    perSecond: 50,
    keep: false,
    dir: join(root, '.penstock/demo'),
  }
  for (let index = 0; index < argv.length; index += 1) {
    const flag = argv[index]
    if (flag === '--keep') {
      options.keep = true
      continue
    }
    const value = argv[index + 1]
    index += 1
    if (value === undefined) return `${flag}: a value is missing`
    if (flag === '--fault' && faults.includes(value)) options.fault = value as FaultKind
    else if (flag === '--seed' && Number.isSafeInteger(Number(value))) options.seed = Number(value)
    else if (flag === '--rate' && Number(value) > 0 && Number(value) <= 500) options.perSecond = Number(value)
    else if (flag === '--dir') options.dir = value
    else return `${flag} ${value}: no such option or value`
  }
  return options
}
