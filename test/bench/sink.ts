import { type Stack, startStack } from '../../infra/native/stack.ts'
import { topics } from '../../services/flow.ts'
import { positive, readOptions } from '../support/options.ts'
import { type Size, sizes } from './pairing/exchanges.ts'
import { onEmptyStore, type Run } from './sink/course.ts'
import { prebuild } from './sink/prebuilt.ts'
import { runLimit } from './sink/run-limit.ts'
import { runSink } from './sink/run-sink.ts'
import { type Contender, contenders, rateOf, type SinkCell, type SinkResults, tablesOf } from './sink/tables.ts'
import { withExchangeLog } from './support/exchange-log.ts'
import { keepResults } from './support/keep-results.ts'
import { thisMachine } from './support/machine.ts'

const help = `node test/bench/sink.ts [options]

Rows per second of the sink into ClickHouse, beside the same inserts made beforehand, on a broker and a store of its own.

  --sizes 1,4,16,64,mix  KB of each body (request and both answers)
  --pairs N              exchanges a cell; by default by size
  --rounds N             runs of each contender, in turn (default 2)
  --records N            most records in one insert (default: the sink's)
  --profile DIR          profile the sink (--cpu-prof) into DIR
  --write                keep the numbers
`
const values = readOptions(help, {
  sizes: { type: 'string', default: sizes.join(',') },
  pairs: { type: 'string' },
  rounds: { type: 'string', default: '2' },
  records: { type: 'string', default: '5000' },
  profile: { type: 'string' },
  write: { type: 'boolean', default: false },
})
const rounds = positive(help, '--rounds', values.rounds)
/** Some seconds a run, and a few inserts a partition at least. */
const pairsOf: Readonly<Record<Size, number>> = { 1: 100_000, 4: 50_000, 16: 15_000, 64: 4_000, mix: 11_000 }
const policy = { recordsMax: Number(values.records), bytesMax: 16_000_000, waitMaxMs: 1_000 }
/** Six inserts of 16 MB at once are more than the small server of the development stack takes. */
const storeBytes = 6_000_000_000
const hashKey = 'a key for benchmarks only'
const lanes = topics.exchanges.partitions
const say = (text: string) => void process.stderr.write(`${text}\n`)

async function measureSize(stack: Stack, size: Size): Promise<SinkCell> {
  const pairs = values.pairs === undefined ? pairsOf[size] : Number(values.pairs)
  say(`${size}: writing ${pairs} exchanges`)
  return withExchangeLog(stack, { prefix: `bench-${size}-`, size, pairs }, async (log) => {
    const prebuilt = await prebuild(log, policy, hashKey)
    const batches = prebuilt.flat()
    const rows = batches.reduce((sum, batch) => sum + batch.rows, 0)
    const bytes = batches.reduce((sum, batch) => sum + batch.bytes.length, 0)
    const nodeFlags = values.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${values.profile}`]
    const sink = (redaction: 'on' | 'off') => () =>
      onEmptyStore(stack, (course) => runSink(stack, course, log, rows, { redaction, policy, hashKey, nodeFlags }))
    const start: Readonly<Record<Contender, () => Promise<Run>>> = {
      'ClickHouse, prebuilt inserts': () => onEmptyStore(stack, (course) => runLimit(stack, course, prebuilt)),
      'sink, redaction on': sink('on'),
      'sink, redaction off': sink('off'),
    }
    const runs: Record<Contender, Run[]> = {
      'ClickHouse, prebuilt inserts': [],
      'sink, redaction on': [],
      'sink, redaction off': [],
    }
    for (let round = 0; round < rounds; round += 1)
      for (const who of round % 2 === 0 ? contenders : contenders.toReversed()) {
        const run = await start[who]()
        runs[who].push(run)
        say(`${size}: ${who}: ${Math.round(rateOf([run]))} rows/s`)
      }
    return { size, rows, bytesPerRow: bytes / rows, runs }
  })
}

async function main(): Promise<void> {
  const asked = sizes.filter((size) => values.sizes.split(',').includes(String(size)))
  const machine = thisMachine()
  const stack = await startStack({ ephemeral: true, clickHouseMemoryBytes: storeBytes })
  try {
    await stack.stop('redis')
    const cells: SinkCell[] = []
    for (const size of asked) cells.push(await measureSize(stack, size))
    const measured: SinkResults = { machine, command: 'node test/bench/sink.ts --write', policy, lanes, cells }
    const text = tablesOf(measured)
    process.stdout.write(`${text}\n`)
    if (values.write) keepResults('sink', measured, text)
  } finally {
    await stack.stop()
  }
}

await main()
