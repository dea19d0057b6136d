import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { NumberedSamples, NumberedTurn, Sample, Turn } from './load-generator.ts'

/** The model and what asks it, each in a process of its own, so that what they do is not in anybody's way. */
export interface Model {
  readonly port: number
  readonly pid: number
  /** How many calls named this model so far. */
  served(model: string): Promise<number>
  stop(): void
}

export async function startModel(): Promise<Model> {
  const child = start('model-server.ts')
  const { port } = await reply<{ readonly port: number }>(child)
  return {
    port,
    pid: child.pid ?? 0,
    async served(model) {
      child.send(model)
      return (await reply<{ readonly served: number }>(child)).served
    },
    stop: () => child.disconnect(),
  }
}

export interface LoadGenerator {
  readonly pid: number
  /** Begins at once, also beside another turn. */
  run(turn: Turn): Promise<readonly Sample[]>
  stop(): void
}

export function startLoadGenerator(): LoadGenerator {
  const child = start('load-generator.ts')
  const waiting = new Map<number, PromiseWithResolvers<readonly Sample[]>>()
  let turns = 0
  child.on('message', ({ number, samples }: NumberedSamples) => {
    waiting.get(number)?.resolve(samples)
    waiting.delete(number)
  })
  child.on('exit', (code) => {
    for (const { reject } of waiting.values()) reject(new Error(`the load generator ended with code ${code}`))
  })
  return {
    pid: child.pid ?? 0,
    run(turn) {
      turns += 1
      const answer = Promise.withResolvers<readonly Sample[]>()
      waiting.set(turns, answer)
      child.send({ number: turns, turn } satisfies NumberedTurn)
      return answer.promise
    },
    stop: () => child.disconnect(),
  }
}

const start = (file: string) => fork(fileURLToPath(new URL(file, import.meta.url)))

/** The child's next message. Throws when it ends instead. */
async function reply<T>(child: ChildProcess): Promise<T> {
  const waiting = new AbortController()
  try {
    return await Promise.race([
      once(child, 'message', waiting).then(([message]) => message as T),
      once(child, 'exit', waiting).then(([code]): never => {
        throw new Error(`${child.spawnargs.at(-1)} ended with code ${code}`)
      }),
    ])
  } finally {
    waiting.abort()
  }
}
