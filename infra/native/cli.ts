import { spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { defaultCacheDir, defaultStackDir } from './config.ts'
import { parsePorts } from './ports.ts'
import { formatProgress, type Progress } from './progress.ts'
import { openStack, resetStack, type Stack, startStack, stopStack } from './stack.ts'
import { StackError } from './stack-error.ts'
import { type PartName, partNames, readState } from './state.ts'

const usage = `npm run stack -- <command> [options]

Kafka, the schema registry, Redis and ClickHouse on this machine, without Docker, for development.

  up              download what is missing, start what does not run, wait until all answers
  down            stop them, in order; the data stays
  status          what runs, where; exit code 1 unless all is ready
  logs [part]     what they printed last; -f follows. Parts: ${partNames.join(', ')}
  reset           stop them and remove their data; the downloads stay

  --json          up, status: print addresses, accounts and state as JSON (npm run -s keeps npm's own lines away)
  --dir <folder>  data, logs and state; default PENSTOCK_STACK_DIR or .penstock/stack
  --cache-dir <folder>  downloads; default PENSTOCK_CACHE_DIR or .cache/native
  --ports <list>  up: kafka=9092,kafkaController=9093,registry=8081,redis=6379,clickhouse=8123 or some of them;
                  others are those of the last start, else free ones
  -f, --follow    logs: go on printing
  --help          this text

Exit codes: 0 done, 1 something is missing or failed (the message says what to do), 2 wrong usage.
`

const logLines = '200'

interface Options {
  readonly json: boolean
  readonly follow: boolean
  readonly dir: string
  readonly cacheDir: string
  readonly ports: string
  readonly part: string | undefined
}

const onProgress = (progress: Progress): void => void process.stderr.write(`${formatProgress(progress)}\n`)

process.exitCode = await main(process.argv.slice(2)).catch(exitCodeOf)

function exitCodeOf(error: unknown): number {
  if (!(error instanceof StackError)) throw error
  process.stderr.write(`stack: ${error.message}\n`)
  return error.code === 'USAGE' ? 2 : 1
}

async function main(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parse(argv)
  const [command, part, ...more] = positionals
  if (values.help || command === 'help') {
    process.stdout.write(usage)
    return 0
  }
  if (more.length > 0 || (part !== undefined && command !== 'logs')) throw usageError(`"${part}" is one word too many`)
  const options: Options = {
    json: values.json,
    follow: values.follow,
    dir: resolve(values.dir ?? defaultStackDir()),
    cacheDir: resolve(values['cache-dir'] ?? defaultCacheDir()),
    ports: values.ports ?? '',
    part,
  }
  switch (command) {
    case 'up':
      return up(options)
    case 'down':
      return down(options)
    case 'status':
      return status(options)
    case 'logs':
      return logs(options)
    case 'reset':
      await resetStack(options.dir, onProgress)
      return 0
    default:
      throw usageError(command === undefined ? 'a command is missing' : `"${command}" is no command`)
  }
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        json: { type: 'boolean', default: false },
        follow: { type: 'boolean', short: 'f', default: false },
        help: { type: 'boolean', short: 'h', default: false },
        dir: { type: 'string' },
        'cache-dir': { type: 'string' },
        ports: { type: 'string' },
      },
    })
  } catch (error) {
    throw usageError((error as Error).message)
  }
}

function usageError(message: string): StackError {
  return new StackError(`${message}\n\n${usage}`, { code: 'USAGE' })
}

async function up({ dir, cacheDir, ports, json }: Options): Promise<number> {
  const stack = await startStack({ dir, cacheDir, ports: parsePorts(ports), onProgress })
  if (json) process.stdout.write(`${JSON.stringify(addresses(stack), null, 2)}\n`)
  else process.stdout.write(describe(stack))
  return 0
}

function addresses({ kafka, registry, redis, clickhouse }: Stack) {
  return { kafka, registry, redis, clickhouse }
}

function describe({ dir, kafka, registry, redis, clickhouse }: Stack): string {
  return `
  Kafka       ${kafka.brokers}
  registry    ${registry.url}
  Redis       ${redis.url}
  ClickHouse  ${clickhouse.url}  database ${clickhouse.database}, users admin, writer, reader

Passwords: npm run -s stack -- status --json     Logs: ${join(dir, 'logs')}     Stop: npm run stack -- down
`
}

async function down({ dir }: Options): Promise<number> {
  if (!(await stopStack(dir, onProgress))) process.stderr.write(`stack: nothing was started in ${dir}\n`)
  return 0
}

async function status({ dir, json }: Options): Promise<number> {
  const started = existsSync(dir) && readState(dir) !== null
  if (!started) {
    if (json) process.stdout.write(`${JSON.stringify({ dir, ready: false, parts: {} })}\n`)
    else process.stdout.write(`nothing was started in ${dir}: run \`npm run stack -- up\`\n`)
    return 1
  }
  const stack = openStack(dir)
  const parts = await stack.status()
  const ready = partNames.every((name) => parts[name].condition === 'ready')
  if (json) {
    process.stdout.write(`${JSON.stringify({ dir: stack.dir, ready, parts, ...addresses(stack) }, null, 2)}\n`)
  } else {
    for (const name of partNames) {
      const { condition, pid, port, problem } = parts[name]
      const process_ = pid === null ? '' : `process ${pid}`
      process.stdout.write(
        `${name.padEnd(11)} ${condition.padEnd(14)} 127.0.0.1:${port}  ${process_}${problem === null ? '' : `  ${problem}`}\n`,
      )
    }
  }
  return ready ? 0 : 1
}

function logs({ dir, part, follow }: Options): Promise<number> {
  if (part !== undefined && !(partNames as readonly string[]).includes(part)) {
    throw usageError(`"${part}" is no part; use ${partNames.join(', ')}`)
  }
  const files = logFiles(join(dir, 'logs'), part as PartName | undefined)
  if (files.length === 0)
    throw new StackError(`no logs in ${join(dir, 'logs')}: nothing was started there`, { code: 'STATE' })
  return new Promise((done) => {
    const tail = spawn('tail', ['-n', logLines, ...(follow ? ['-F'] : []), ...files], { stdio: 'inherit' })
    process.on('SIGINT', () => tail.kill())
    tail.once('error', () => done(1))
    tail.once('exit', (code) => done(code ?? 0))
  })
}

function logFiles(folder: string, part: PartName | undefined): readonly string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter((name) => name.endsWith('.log') && (part === undefined || name.startsWith(`${part}.`)))
    .sort()
    .map((name) => join(folder, name))
}
