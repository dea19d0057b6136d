import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Stack, startStack } from '../../../infra/native/stack.ts'
import { type LoadGenerator, startLoadGenerator, startModel } from '../support/children.ts'
import { thisMachine } from '../support/machine.ts'
import { usageOf } from '../support/process-usage.ts'
import { chosenPeers, type Started, versionsOf } from './peers.ts'
import { candidateModel, mirroredModel, type Penstock, startPenstock, uncaptured } from './penstock.ts'
import type { Place, Target } from './place.ts'
import { type Cell, runRounds } from './rounds.ts'
import { direct, type GatewayRun } from './tables.ts'

export interface MeasureOptions {
  readonly targets: readonly string[]
  readonly rates: readonly number[]
  readonly seconds: number
  readonly peersDir: string
  readonly profileDir: string | null
  readonly command: string
  onProgress(text: string): void
}

/** What a killed broker leaves connections in before anybody is asked again. */
const afterKillMs = 2_000

/** Starts everything, measures it, and ends it again. */
export async function measure(options: MeasureOptions): Promise<GatewayRun> {
  const { targets: wanted, peersDir, onProgress } = options
  const machine = thisMachine()
  const stack = await startStack({
    ephemeral: true,
    onProgress: ({ part, message }) => onProgress(`${part}: ${message}`),
  })
  // Nothing here is stored: one neighbour less.
  await stack.stop('clickhouse')
  const dir = mkdtempSync(join(tmpdir(), 'penstock-bench-gateway-'))
  const model = await startModel()
  const load = startLoadGenerator()
  const started: Started[] = []
  try {
    const place: Place = { dir, stackDir: stack.dir, modelPort: model.port }
    for (const peer of chosenPeers(wanted)) {
      onProgress(`${peer.name}: starting`)
      started.push(await peer.start(resolve(peersDir), place))
    }
    const tap = await startTapped(place, stack, options)
    const shadow = wanted.includes('shadow') ? await startPenstock(place, stack, 'shadow') : null
    const ours = [tap, shadow].filter((one) => one !== null)
    started.push(...ours)
    const straight = {
      name: direct,
      url: `http://127.0.0.1:${model.port}/v1/chat/completions`,
      headers: { 'content-type': 'application/json' },
      model: 'bench',
      pids: [],
    }
    const targets: Target[] = [straight, ...started.map(({ target }) => target)]
    if (tap !== null && wanted.includes('uncaptured')) targets.push(uncaptured(tap.target))
    const cells = await runRounds(targets, { ...options, load })
    const shadowShare =
      shadow === null ? null : (await model.served(candidateModel)) / (await model.served(mirroredModel))
    const peakMiB = Object.fromEntries(started.map(({ target }) => [target.name, peakOf(target)]))
    const dropsBefore = (await tap?.drops()) ?? null
    const dead = tap === null || !wanted.includes('dead') ? [] : await withoutKafka(stack, straight, tap, options, load)
    if (tap !== null && dead.length > 0) peakMiB['dead'] = peakOf(tap.target)
    return {
      machine,
      command: options.command,
      versions: versionsOf(wanted, peersDir),
      secondsEach: options.seconds,
      cells,
      dead,
      peakMiB,
      shadowShare,
      drops: tap === null || dropsBefore === null ? null : { before: dropsBefore, after: await tap.drops() },
    }
  } finally {
    await Promise.allSettled(started.map((one) => one.stop()))
    load.stop()
    model.stop()
    await stack.stop()
    rmSync(dir, { recursive: true, force: true })
  }
}

const peakOf = ({ pids }: Target) => Math.max(...pids.map((pid) => usageOf(pid).peakMiB))

async function startTapped(place: Place, stack: Stack, options: MeasureOptions): Promise<Penstock | null> {
  const { targets, profileDir } = options
  if (!['tap', 'uncaptured', 'dead'].some((name) => targets.includes(name))) return null
  if (profileDir === null) return startPenstock(place, stack, 'tap')
  mkdirSync(profileDir, { recursive: true })
  return startPenstock(place, stack, 'tap', { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${resolve(profileDir)}` })
}

/** The same gateway with its broker killed, beside calls straight to the model, which the machine may serve otherwise by then. */
async function withoutKafka(
  stack: Stack,
  straight: Target,
  tap: Penstock,
  options: MeasureOptions,
  load: LoadGenerator,
): Promise<readonly Cell[]> {
  options.onProgress('kafka: killed')
  await stack.kill('kafka', 'SIGKILL')
  await delay(afterKillMs)
  return runRounds([straight, { ...tap.target, name: 'dead' }], { ...options, load })
}
