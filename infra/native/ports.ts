import { createServer } from 'node:net'
import { StackError } from './stack-error.ts'

export const portNames = ['kafka', 'kafkaController', 'registry', 'redis', 'clickhouse'] as const
export type PortName = (typeof portNames)[number]
export type Ports = Readonly<Record<PortName, number>>

/** A port that was asked for stays; one that was picked may be picked again when somebody else has taken it meanwhile. */
export interface PortChoice {
  readonly ports: Ports
  readonly given: readonly PortName[]
}

/**
 * Below the range from which kernels take the ports of outgoing connections: a client that keeps trying a dead server there can
 * connect to itself and keep the server from ever getting its port back.
 */
const range = { from: 20_000, size: 12_000 }
const triesMax = 400

export interface PortSource {
  /** Whether nobody listens there. */
  isFree(port: number): Promise<boolean>
  /** In [0, 1). */
  random(): number
}

export const machinePorts: PortSource = {
  isFree: (port) =>
    new Promise((answer) => {
      const server = createServer()
      server.once('error', () => answer(false))
      server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => answer(true)))
    }),
  random: Math.random,
}

export interface PortWishes {
  readonly given: Partial<Ports>
  /** What an earlier start chose. */
  readonly earlier: PortChoice | null
  /** Ports our own running parts hold: theirs, hence not busy. */
  readonly held: ReadonlySet<PortName>
}

/** Decides all ports: given ones, else the earlier ones, else free ones. Throws StackError (PORT) when a given port is taken. */
export async function choosePorts(wishes: PortWishes, source: PortSource): Promise<PortChoice> {
  const given = new Set<PortName>(wishes.earlier?.given ?? [])
  const taken = new Set<number>()
  const ports: Partial<Record<PortName, number>> = {}
  for (const name of portNames) {
    const wish = wishes.given[name]
    const before = wishes.earlier?.ports[name]
    if (wishes.held.has(name) && before !== undefined) {
      if (wish !== undefined && wish !== before) {
        throw new StackError(
          `${name} runs on port ${before}: run \`npm run stack -- down\` before moving it to ${wish}`,
          {
            code: 'PORT',
          },
        )
      }
      ports[name] = before
    } else if (wish !== undefined || (before !== undefined && given.has(name))) {
      ports[name] = await requireFree(name, wish ?? before ?? 0, taken, source)
      given.add(name)
    } else if (before !== undefined && !taken.has(before) && (await source.isFree(before))) {
      ports[name] = before
    } else {
      ports[name] = await pickFree(taken, source)
    }
    taken.add(ports[name] ?? 0)
  }
  return { ports: ports as Ports, given: portNames.filter((name) => given.has(name)) }
}

async function requireFree(
  name: PortName,
  port: number,
  taken: ReadonlySet<number>,
  source: PortSource,
): Promise<number> {
  if (taken.has(port)) throw new StackError(`port ${port} was given twice: give ${name} another one`, { code: 'PORT' })
  if (await source.isFree(port)) return port
  throw new StackError(
    `port ${port} for ${name} is in use by another program: end it (\`ss -ltnp\` shows it) or start with --ports ${name}=<another>`,
    { code: 'PORT' },
  )
}

async function pickFree(taken: ReadonlySet<number>, source: PortSource): Promise<number> {
  const offset = Math.floor(source.random() * range.size)
  for (let tries = 0; tries < triesMax; tries += 1) {
    const port = range.from + ((offset + tries) % range.size)
    if (!taken.has(port) && (await source.isFree(port))) return port
  }
  throw new StackError(
    `no free port found between ${range.from} and ${range.from + range.size}: give ports with --ports`,
    {
      code: 'PORT',
    },
  )
}

const handedOut = new Set<number>()
let asked: Promise<unknown> = Promise.resolve()

/**
 * A port for a process that will listen there in a moment; another each time. From the range of the servers' ports: one of the kernel's own an outgoing
 * connection may take first.
 */
export function freePort(source: PortSource = machinePorts): Promise<number> {
  const picked = asked.then(() => pickFree(handedOut, source))
  // One after the other: two that look at the same time would find the same.
  asked = picked.then(
    (port) => handedOut.add(port),
    () => undefined,
  )
  return picked
}

/** Reads `kafka=9092,redis=6379`. Throws StackError (USAGE) naming what is wrong. */
export function parsePorts(text: string): Partial<Ports> {
  const ports: Partial<Record<PortName, number>> = {}
  for (const item of text.split(',').filter((part) => part.trim() !== '')) {
    const [name = '', value = ''] = item.split('=').map((part) => part.trim())
    if (!isPortName(name)) {
      throw new StackError(`--ports: "${name}" is no part; use ${portNames.join(', ')}`, { code: 'USAGE' })
    }
    const port = Number(value)
    if (!Number.isInteger(port) || port < 1 || port > 65_535) {
      throw new StackError(`--ports: ${name}=${value} is no port; use ${name}=1 to 65535`, { code: 'USAGE' })
    }
    ports[name] = port
  }
  return ports
}

function isPortName(name: string): name is PortName {
  return (portNames as readonly string[]).includes(name)
}
