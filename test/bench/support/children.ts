import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Sample, Turn } from './load-generator.ts'

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
  /** One turn at a time. */
  run(turn: Turn): Promise<readonly Sample[]>
  stop(): void
}

export function startLoadGenerator(): LoadGenerator {
  const child = start('load-generator.ts')
  return {
    run(turn) {
      child.send(turn)
      return reply<readonly Sample[]>(child)
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
