import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import packageDocument from '../../package.json' with { type: 'json' }
import { runCli } from '../../services/cli/run-cli.ts'
import type { Command, Decision, Evidence, Records } from '../../services/domain/events/records.ts'
import { codeVersion } from '../../services/domain/gate/code-version.ts'
import { compilePlan } from '../../services/domain/gate/compile-plan.ts'
import { refusal, sampleEvidence, sampleSpec } from '../../services/domain/gate/sample-evidence.ts'
import type { Run } from '../../services/domain/rollout/run.ts'
import { startedRun, startMs } from '../../services/domain/rollout/sample-run.ts'
import { transition } from '../../services/domain/rollout/transition.ts'
import { topics } from '../../services/flow.ts'
import { createEvaluator } from '../../services/gate-evaluator/evaluator.ts'
import { createFrontier } from '../../services/gate-evaluator/frontier.ts'
import { createSnapshotCollector } from '../../services/gate-evaluator/gate-snapshot.ts'
import type { Codec } from '../../services/platform/registry/codec.ts'

const folder = mkdtempSync(join(tmpdir(), 'penstock-replay-'))
afterAll(() => rmSync(folder, { recursive: true }))

const codec = {
  encode: (_: string, value: object) => Buffer.from(JSON.stringify(value)),
} as unknown as Codec<Records>

function runOf(): Run {
  const spec = sampleSpec({ calibrationPairs: 20 })
  return { ...startedRun(spec), plan: compilePlan(spec) }
}

function recordOf(run: Run, index: number, comparison: 'content_ab' | 'aa', candidate: number): Evidence {
  return sampleEvidence(index, {
    id: `${comparison}-${String(index).padStart(4, '0')}`,
    place: { ...sampleEvidence(index).place, run: run.id },
    comparison,
    arrived_at: startMs + index * 100,
    metrics: [refusal(0, candidate)],
  })
}

/** A gate as it runs, fed in three batches; and the decisions that its verdicts led to. */
function played(): {
  readonly run: Run
  readonly decisions: readonly Decision[]
  readonly evidence: readonly Evidence[]
} {
  const run = runOf()
  const evidence = Array.from({ length: 90 }, (_, index) => [
    ...(index < 30 ? [recordOf(run, index, 'aa', index === 4 ? 1 : 0)] : []),
    recordOf(run, index, 'content_ab', index % 3 === 0 ? 1 : 0),
  ]).flat()
  const commands: Command[] = []
  const evaluator = createEvaluator({
    gate: 'gate-1',
    codeVersion,
    clock: { nowMs: () => startMs + 60_000, monoMs: () => 0 },
    codec,
    frontier: createFrontier({ source: 'pairing', exchangePartitions: 1, stallMaxMs: 15_000, behindMaxMs: 5_000 }),
    snapshots: createSnapshotCollector(),
    limits: { waitingMax: 1_000, unitsMax: 1_000 },
    emit: (records) => {
      for (const { topic, value } of records)
        if (topic === topics.commands.name && value !== null) commands.push(JSON.parse(value.toString()) as Command)
    },
    onBreach: () => undefined,
    onForgotten: () => undefined,
  })
  evaluator.onRun(run)
  for (const upTo of [40, 80, evidence.length]) {
    for (const [offset, record] of evidence.entries()) if (offset < upTo) evaluator.onEvidence(record, 2, offset)
    evaluator.onEvidenceRead(2, upTo)
    evaluator.onProgress({
      source: 'pairing',
      exchange_partition: 0,
      read_through: (evidence[upTo - 1]?.arrived_at ?? 0) + 5_001,
      evidence_offsets: { '2': upTo },
      planned: 0,
      paired: 0,
      skipped: 0,
      lost: 0,
      tap_drops: 0,
      late: 0,
    })
    evaluator.evaluate()
  }
  let state = run
  const decisions = commands.flatMap((command) => {
    const after = transition(state, { kind: 'command', command, successor: null }, startMs + 60_000)
    state = after.run
    return after.effects.flatMap((effect) => (effect.kind === 'decision' ? [effect.decision] : []))
  })
  return { run: state, decisions, evidence }
}

async function replay(...words: readonly string[]) {
  const printed: string[] = []
  const failed: string[] = []
  const code = await runCli(words, {
    out: (text) => void printed.push(text),
    err: (text) => void failed.push(text),
    config: () => {
      throw new Error('a saved run asks no server')
    },
    nowMs: () => 0,
    sleep: async () => undefined,
  })
  return { code, printed: printed.join(''), failed: failed.join('') }
}

describe('penstock replay', () => {
  const { run, decisions, evidence } = played()
  const saved = (name: string, records: readonly Evidence[]): string => {
    const path = join(folder, name)
    writeFileSync(path, [{ run, decisions }, ...records].map((line) => JSON.stringify(line)).join('\n'))
    return path
  }
  const whole = saved('run.jsonl', evidence)

  it('recomputes every verdict that a running gate gave', async () => {
    expect(decisions.map(({ to_phase }) => to_phase)).toEqual(['shadow', 'rolled_back'])
    const { code, printed } = await replay('replay', whole)
    expect(printed).toContain('run-1: 2 of 2 verdicts recomputed bit for bit from 120 records')
    expect(code).toBe(0)
  })

  it('names the first field that differs when one outcome is another', async () => {
    const changed = evidence.map((record) =>
      record.id === 'content_ab-0003' ? recordOf(run, 3, 'content_ab', 0) : record,
    )
    const { code, printed } = await replay('--json', 'replay', saved('changed.jsonl', changed))
    const answer = JSON.parse(printed) as { readonly decisions: readonly { readonly difference: object | null }[] }
    expect(code).toBe(1)
    expect(answer.decisions.at(-1)?.difference).toMatchObject({
      field: 'reason',
      recorded: expect.stringContaining('refusal on content_ab harms'),
    })
    const text = await replay('replay', saved('missing.jsonl', evidence.slice(5)))
    expect(text.code).toBe(1)
    expect(text.printed).toMatch(/DIFFERS .*\n {6}counts\.entered: recorded \d+, recomputed \d+/)
  })

  it('replays one decision alone, writes what it read, and refuses a file without a run', async () => {
    const copy = join(folder, 'copy.jsonl')
    const one = await replay('replay', whole, '--decision', decisions[1]?.id ?? '', '--save', copy)
    expect(one).toMatchObject({ code: 0 })
    expect(one.printed).toContain('1 of 1 verdicts')
    expect(readFileSync(copy, 'utf8').trim()).toBe(readFileSync(whole, 'utf8').trim())
    const none = await replay('replay', whole, '--decision', 'unknown')
    expect(none).toMatchObject({ code: 1 })
    const foreign = join(folder, 'foreign.jsonl')
    writeFileSync(foreign, '{"a":1}\n')
    expect(await replay('replay', foreign)).toMatchObject({
      code: 2,
      failed: `UNUSABLE_FILE: ${foreign} holds no run that can be read\n`,
    })
  })

  it('a saved run is what a backtest reads: another policy over the same evidence', async () => {
    const policy = join(folder, 'policy.yaml')
    writeFileSync(
      policy,
      `apiVersion: penstock/v1
kind: Rollout
name: sample
route: chat
change: model
baseline: { id: a, provider: p, model: a }
candidate: { id: b, provider: p, model: b }
routers: [r]
legTimeout: 3s
calibrationPairs: 20
`,
    )
    const { code, printed } = await replay('backtest', policy, whole)
    expect(code).toBe(0)
    expect(printed).toContain('ROLLED BACK at pair')
    expect(printed).toContain('refusal on content_ab harms')
  })

  it('knows the version of the code by the package', () => {
    expect(codeVersion).toBe(packageDocument.version)
  })
})
