import { parentPort } from 'node:worker_threads'
import { seedOf } from './cell.ts'
import { cells } from './cells.ts'
import { uniforms } from './virtual-run.ts'

/** One stretch of runs of one cell, from `first` on; answered with what each run gave, in order. */
export interface Task {
  readonly cell: string
  readonly first: number
  readonly runs: number
}

parentPort?.on('message', (task: Task) => {
  const cell = cells.find(({ name }) => name === task.cell)
  if (cell === undefined) throw new Error(`no cell ${task.cell}`)
  const values = Array.from({ length: task.runs }, (_, index) =>
    cell.run(uniforms(seedOf(cell.name, task.first + index))),
  )
  parentPort?.postMessage(values)
})
