import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Stack, startStack } from '../../infra/native/stack.ts'
import { topics } from '../../services/flow.ts'
import { positive, readOptions, refuse } from '../support/options.ts'
import { type Contestant, contestants, goalPeer, penstock } from './pairing/contestants.ts'
import { benchRun, evidenceOfOne, metricsOfOne, type Size, sizes } from './pairing/exchanges.ts'
import { compileJava, fetchCommand } from './pairing/java.ts'
import { type Race, race } from './pairing/race.ts'
import { type PairingCell, type PairingResults, tablesOf } from './pairing/tables.ts'
import { withExchangeLog } from './support/exchange-log.ts'
import { keepResults } from './support/keep-results.ts'
import { type Machine, thisMachine } from './support/machine.ts'

const help = `node test/bench/pairing.ts [options]

Throughput of the pairing service beside Kafka Streams, on one broker of its own and the same bytes.

  --sizes 1,4,16,64,mix  KB of each body (request and both answers)
  --pairs N              exchanges a cell; by default by size
  --rounds N             races of Penstock and of who it is to be ahead of, in turn, each on servers of its own (default 3); the others race once
  --only 'TEXT;TEXT'     contestants whose name holds one of them
  --profile DIR          profile our own process (--cpu-prof) into DIR
  --write                keep the numbers; sizes that are not measured stay as they were
`
const values = readOptions(help, {
  sizes: { type: 'string', default: sizes.join(',') },
  pairs: { type: 'string' },
  rounds: { type: 'string', default: '3' },
  only: { type: 'string', default: '' },
  profile: { type: 'string' },
  write: { type: 'boolean', default: false },
})
const rounds = positive(help, '--rounds', values.rounds)
/** At least ten seconds of the slower ones. */
const pairsOf: Readonly<Record<Size, number>> = { 1: 60_000, 4: 40_000, 16: 16_000, 64: 5_000, mix: 24_000 }
const say = (text: string) => void process.stderr.write(`${text}\n`)

/** One round: one race of each, one after the other, over the same log. */
async function measureRound(
  stack: Stack,
  javaDir: string,
  size: Size,
  chosen: readonly Contestant[],
): Promise<ReadonlyMap<string, Race>> {
  const pairs = values.pairs === undefined ? pairsOf[size] : Number(values.pairs)
  const prefix = `bench-${size}-`
  const run = benchRun()
  say(`${size}: writing ${pairs} exchanges`)
  return withExchangeLog(stack, { prefix, size, pairs }, async (log) => {
    const { admin, transport, stateDir } = log
    await transport.ensureTopics(
      chosen.flatMap(({ output }) =>
        output?.startsWith('bench.') ? [{ name: output, partitions: topics.evidence.partitions, config: {} }] : [],
      ),
    )
    const nodeFlags = values.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${values.profile}`]
    const shared = { ...log, javaDir, windowMs: run.plan.legTimeoutMs, nodeFlags }
    const races = new Map<string, Race>()
    for (const contestant of chosen) {
      const outputs = contestant === penstock ? pairs * evidenceOfOne(run) : pairs
      const course = { ...shared, logPath: join(stateDir, `${contestant.group}.log`) }
      const result = await race(contestant, course, { admin, transport, pairs, outputs })
      say(
        `${size}: ${contestant.name}: ${Math.round(result.pairsPerSecond)}/s, ${Math.round(result.cpuSecondsPerMillion)} CPU-s a million, ${Math.round(result.peakMiB)} MiB`,
      )
      races.set(contestant.name, result)
    }
    return races
  })
}

/** Who the goal speaks of takes turns, since one race by itself swings; a round has its servers to itself. */
async function measureSize(javaDir: string, size: Size, chosen: readonly Contestant[]): Promise<PairingCell> {
  const results = chosen.map(({ name }) => ({ name, races: [] as Race[] }))
  for (let round = 0; round < rounds; round += 1) {
    const racing = round === 0 ? chosen : chosen.filter((who) => who === penstock || who === goalPeer)
    const inTurn = round % 2 === 0 ? racing : racing.toReversed()
    const races = await onServers((stack) => measureRound(stack, javaDir, size, inTurn))
    for (const { name, races: known } of results) {
      const raced = races.get(name)
      if (raced !== undefined) known.push(raced)
    }
  }
  return { size, results }
}

function keptCells(): readonly PairingCell[] {
  try {
    return (JSON.parse(readFileSync(new URL('pairing.json', import.meta.url), 'utf8')) as PairingResults).cells
  } catch {
    return []
  }
}

async function main(javaDir: string): Promise<void> {
  const asked = sizes.filter((size) => values.sizes.split(',').includes(String(size)))
  const wanted = values.only.split(';')
  const chosen = contestants.filter(({ name }) => wanted.some((part) => name.includes(part)))
  const machine = thisMachine()
  const cells: PairingCell[] = []
  for (const size of asked) {
    cells.push(await measureSize(javaDir, size, chosen))
    // Kept one by one: what takes a quarter of an hour does not hang on its last contestant.
    if (values.write) keep(machine, cells)
  }
  process.stdout.write(`${tablesOf(resultsOf(machine, cells))}\n`)
}

function keep(machine: Machine, measured: readonly PairingCell[]): void {
  const known = [...measured, ...keptCells()]
  const results = resultsOf(
    machine,
    sizes.flatMap((size) => known.find((cell) => cell.size === size) ?? []),
  )
  keepResults('pairing', results, tablesOf(results))
}

function resultsOf(machine: Machine, cells: readonly PairingCell[]): PairingResults {
  const run = benchRun()
  return {
    machine,
    command: 'TMPDIR=/dev/shm node test/bench/pairing.ts --write',
    evidencePerPair: evidenceOfOne(run),
    metrics: run.plan.metrics.length,
    metricsComputed: metricsOfOne(run),
    cells,
  }
}

/** A broker of its own for each size: the logs of all of them leave too little memory for the largest where they lie in memory, too. */
async function onServers<T>(act: (stack: Stack) => Promise<T>): Promise<T> {
  const stack = await startStack({ ephemeral: true })
  try {
    await stack.stop('clickhouse')
    await stack.stop('redis')
    return await act(stack)
  } finally {
    await stack.stop()
  }
}

const javaDir = compileJava()
if (javaDir === null)
  refuse(
    help,
    `this benchmark compares with Kafka Streams, whose jars are not here. Fetch them (Java 17 and Maven):\n  ${fetchCommand}`,
  )
await main(javaDir)
