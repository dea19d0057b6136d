import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { positive, readOptions, refuse } from '../support/options.ts'
import { askWorker } from './ask-worker.ts'
import { type Cell, isMet } from './cell.ts'
import type { Answer, Task } from './cell-worker.ts'
import { cells } from './cells.ts'
import { type CellResult, type Results, readResults, resultOf, seedRule, sourceDigest } from './results.ts'
import { simulationPage } from './simulation-page.ts'

const root = resolve(fileURLToPath(import.meta.url), '../../..')
const page = join('services', 'docs', 'simulations.md')
const kept = join('test', 'simulation', 'results.json')
const runsDefault = 2_000
const runsPerTask = 10
const usage = `npm run simulate [-- --runs <n>] [-- --cell <name>…] [-- --page]

Runs every cell ${runsDefault} times, parallel over the cores. Each cell that is through is kept in ${kept}
and ${page} is written anew, so that stopping early loses the cell that runs and no other.

  --runs <n>     runs of each cell
  --cell <name>  only these (repeatable; a name or its beginning, such as null/); the other rows stay as they are
  --page         runs nothing, writes the page from what is kept
`

process.exitCode = await main()

async function main(): Promise<number> {
  const values = readOptions(usage, {
    runs: { type: 'string', default: String(runsDefault) },
    cell: { type: 'string', multiple: true, default: [''] },
    page: { type: 'boolean', default: false },
  })
  const runs = Math.ceil(positive(usage, '--runs', values.runs))
  const chosen = cells.filter(({ name }) => values.cell.some((want) => name.startsWith(want)))
  if (chosen.length === 0) refuse(usage, `no cell is named ${values.cell.join(' or ')}`)
  if (values.page) {
    keep([])
    return 0
  }
  const sources = sourceDigest(root)
  let allMet = true
  await runCells(chosen, runs, (cell, measured, processorSeconds) => {
    const result = resultOf(cell, measured, sources, processorSeconds)
    keep([result])
    report(cell, result)
    allMet &&= isMet(cell.aim, result)
  })
  process.stdout.write(`${kept} and ${page} written\n`)
  return allMet ? 0 : 1
}

/** Puts new rows beside those that are kept, drops those of cells that are no more, and writes both files. */
function keep(fresh: readonly CellResult[]): void {
  const before = readResults(join(root, kept))?.cells ?? {}
  const rows = cells.flatMap(({ name }): readonly CellResult[] => {
    const row = fresh.find(({ cell }) => cell === name) ?? before[name]
    return row === undefined ? [] : [row]
  })
  const results: Results = {
    seeds: seedRule,
    machine: { processor: cpus()[0]?.model ?? 'unknown', cores: cpus().length, node: process.version },
    cells: Object.fromEntries(rows.map((row) => [row.cell, row])),
  }
  writeFileSync(join(root, kept), `${JSON.stringify(results, null, 2)}\n`)
  writeFileSync(join(root, page), simulationPage(cells, results))
}

type Through = (cell: Cell, values: readonly number[], processorSeconds: number) => void

/** Tasks of one cell after the other over one worker a core; values keep the order of their seeds, however the tasks end. */
async function runCells(chosen: readonly Cell[], runs: number, through: Through): Promise<void> {
  const results = chosen.map((cell) => ({
    cell,
    values: Array.from({ length: runs }, () => Number.NaN),
    left: runs,
    seconds: 0,
  }))
  const tasks = results.flatMap((result) =>
    Array.from({ length: Math.ceil(runs / runsPerTask) }, (_, index) => {
      const first = index * runsPerTask
      return { result, first, runs: Math.min(runsPerTask, runs - first) }
    }),
  )
  const total = tasks.length
  let ended = 0
  const work = async () => {
    const worker = new Worker(new URL('./cell-worker.ts', import.meta.url))
    for (let task = tasks.shift(); task !== undefined; task = tasks.shift()) {
      const { result, first } = task
      const { values, processorSeconds } = await askWorker<Task, Answer>(worker, {
        cell: result.cell.name,
        first: first + 1,
        runs: task.runs,
      })
      result.seconds += processorSeconds
      result.values.splice(first, values.length, ...values)
      result.left -= values.length
      ended += 1
      if (process.stderr.isTTY) process.stderr.write(`\r${ended} of ${total} tasks  ${result.cell.name.padEnd(40)}`)
      if (result.left === 0) through(result.cell, result.values, result.seconds)
    }
    await worker.terminate()
  }
  await Promise.all(Array.from({ length: cpus().length }, work))
}

function report({ name, aim }: Cell, result: CellResult): void {
  const [value, low, high] = [result.value, result.low, result.high].map((number) => Number(number.toPrecision(4)))
  const met = isMet(aim, result) ? 'met ' : 'OPEN'
  const time = `${((1_000 * result.processorSeconds) / result.runs).toFixed(0)} ms a run`
  process.stdout.write(`${met} ${name}: ${value} (${low} to ${high}), ${result.runs} runs, ${time}\n`)
}
