import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { type Cell, isMet, summaryOf } from './cell.ts'
import type { Task } from './cell-worker.ts'
import { cells } from './cells.ts'
import { simulationPage } from './simulation-page.ts'

const root = resolve(fileURLToPath(import.meta.url), '../../..')
const page = join('services', 'docs', 'simulations.md')
const runsDefault = 2_000
const runsPerTask = 10
const usage = `npm run simulate [-- --runs <n>] [-- --cell <name>…]

Runs every cell ${runsDefault} times, parallel over the cores, and writes ${page}.
With --cell (repeatable; a name or its beginning, such as null/) only those, and the page is left alone.
`

process.exitCode = await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { runs: { type: 'string' }, cell: { type: 'string', multiple: true }, help: { type: 'boolean' } },
  })
  const runs = Number(values.runs ?? runsDefault)
  const wanted = values.cell ?? []
  const chosen = wanted.length === 0 ? cells : cells.filter(({ name }) => wanted.some((want) => name.startsWith(want)))
  if (values.help === true || !Number.isSafeInteger(runs) || runs < 1 || chosen.length === 0) {
    process.stdout.write(usage)
    return values.help === true ? 0 : 2
  }
  const beganMs = Date.now()
  const results = await runCells(chosen, runs)
  if (wanted.length === 0) {
    const machine = {
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      node: process.version,
      seconds: Math.round((Date.now() - beganMs) / 1_000),
      command: `npm run simulate -- --runs ${runs}`,
    }
    writeFileSync(join(root, page), simulationPage(results, machine))
    process.stdout.write(`${page} written\n`)
  }
  return results.every(({ cell, values: measured }) => isMet(cell.aim, summaryOf(cell.aim, measured).value)) ? 0 : 1
}

/** All tasks over one worker a core; values keep the order of their seeds, however the tasks end. */
async function runCells(chosen: readonly Cell[], runs: number): Promise<readonly { cell: Cell; values: number[] }[]> {
  const results = chosen.map((cell) => ({ cell, values: Array.from({ length: runs }, () => Number.NaN), left: runs }))
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
      const values = await answerOf(worker, { cell: result.cell.name, first: first + 1, runs: task.runs })
      result.values.splice(first, values.length, ...values)
      result.left -= values.length
      ended += 1
      if (process.stderr.isTTY) process.stderr.write(`\r${ended} of ${total} tasks  ${result.cell.name.padEnd(40)}`)
      if (result.left === 0) report(result.cell, result.values)
    }
    await worker.terminate()
  }
  await Promise.all(Array.from({ length: cpus().length }, work))
  return results
}

function answerOf(worker: Worker, task: Task): Promise<readonly number[]> {
  return new Promise((done, fail) => {
    worker.once('error', fail)
    worker.once('message', (values: readonly number[]) => {
      worker.off('error', fail)
      done(values)
    })
    worker.postMessage(task)
  })
}

function report({ name, aim }: Cell, values: readonly number[]): void {
  const { value, low, high } = summaryOf(aim, values)
  const shown = [value, low, high].map((number) => Number(number.toPrecision(4)))
  const met = isMet(aim, value) ? 'met ' : 'OPEN'
  process.stdout.write(`${met} ${name}: ${shown[0]} (${shown[1]} to ${shown[2]}), ${values.length} runs\n`)
}
