import { parentPort } from 'node:worker_threads'
import { runOf } from './cell.ts'
import { cells } from './cells.ts'

/** One stretch of runs of one cell, from `first` on; answered with what each run gave, in order. */
export interface Task {
  readonly cell: string
  readonly first: number
  readonly runs: number
}

export interface Answer {
  readonly values: readonly number[]
  readonly processorSeconds: number
}

parentPort?.on('message', (task: Task) => {
  const cell = cells.find(({ name }) => name === task.cell)
  if (cell === undefined) throw new Error(`no cell ${task.cell}`)
  const before = process.threadCpuUsage()
  const values = Array.from({ length: task.runs }, (_, index) => runOf(cell, task.first + index))
  const { user, system } = process.threadCpuUsage(before)
  const answer: Answer = { values, processorSeconds: (user + system) / 1e6 }
  parentPort?.postMessage(answer)
})
