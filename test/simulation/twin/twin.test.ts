import { describe, expect, it } from 'vitest'
import type { ConsumedOffset } from '../../../services/platform/kafka/transport.ts'
import { recordsOf, sinkProgram } from './installation.ts'
import { type Outcome, runSchedule } from './run-schedule.ts'
import { paces, scheduleOf, undisturbed } from './schedule.ts'
import { lastRun, violations } from './violations.ts'

const texts = async ({ broker }: Outcome, topic: string) =>
  (await recordsOf(broker, topic)).map(({ timestampMs, value }) => `${timestampMs} ${value?.toString('base64')}`)

/** A sink whose successors never hear of an attempt after the first. */
const forgetfulSink: typeof sinkProgram = (name, store) => {
  const { start } = sinkProgram(name, store)
  const withoutAttempts = (offset: ConsumedOffset): ConsumedOffset => ({
    ...offset,
    metadata: offset.metadata?.replace(/"attempts":\d+/, '"attempts":1') ?? '',
  })
  return {
    name,
    start: (scope, transport) =>
      start(scope, {
        ...transport,
        async consume(options) {
          const consumer = await transport.consume(options)
          return { ...consumer, commit: (offsets) => consumer.commit(offsets.map(withoutAttempts)) }
        },
      }),
  }
}

describe('the installation under virtual time', () => {
  it.each([
    { harm: 'none', phase: 'completed' },
    { harm: 'errors', phase: 'rolled_back' },
  ] as const)('ends as it should when nothing goes wrong, harm: $harm', async ({ harm, phase }) => {
    const outcome = await runSchedule({ ...undisturbed(scheduleOf(1)), harm })
    expect(await violations(outcome)).toEqual([])
    expect((await lastRun(outcome.broker))?.state.phase).toBe(phase)
    expect(outcome.served.filter(({ arm }) => arm === 'candidate').length).toBeGreaterThan(20)
  })

  it('brings two waves side by side to the end, each by verdicts of its own', async () => {
    // Each has half of the pairs, so that a few lost legs would hold it.
    const oddities = { late: 0, twice: 0.02, shuffled: 0.05, missing: 0 }
    const schedule = {
      ...undisturbed(scheduleOf(3)),
      harm: 'none',
      together: true,
      trafficMs: 50_000,
      oddities,
    } as const
    const outcome = await runSchedule(schedule)
    expect(await violations(outcome)).toEqual([])
    const run = await lastRun(outcome.broker)
    expect(run?.state).toMatchObject({ phase: 'completed', overrides: [] })
    expect(run?.state.waves.map(({ id, lastVerdict }) => [id, lastVerdict?.wave])).toEqual([
      ['acme', 'acme'],
      ['rest', 'rest'],
    ])
  })

  it.each([2_001, 2_002])('keeps them with two waves side by side, too: seed %i', async (seed) => {
    expect(await violations(await runSchedule({ ...scheduleOf(seed), together: true }))).toEqual([])
  })

  it.each(Array.from({ length: 6 }, (_, index) => 1_000 + index))(
    'keeps them under the faults of seed %i',
    async (seed) => {
      expect(await violations(await runSchedule(scheduleOf(seed)))).toEqual([])
    },
  )

  it.each(Array.from({ length: 30 }, (_, index) => 3_000 + index))(
    'keeps them in the brief schedule of seed %i',
    async (seed) => {
      expect(await violations(await runSchedule(scheduleOf(seed, paces.brief)))).toEqual([])
    },
  )

  // 115, 197, 209: a member comes back while it still takes over what it had lost. 244: taken back before anything was mirrored. 404, 920: a partition is lost and back while
  // a commit is on its way. 2,000,051: another controller takes an id between its being opened and used. 145: the store forgets an
  // insert whose token it knows. A refused apply whose transaction was not answered is played in controller.test.ts: none of 4,200 schedules meets it.
  it.each([115, 145, 197, 209, 244, 404, 920, 2_000_051])(
    'keeps them in the short schedule of seed %i',
    async (seed) => {
      expect(await violations(await runSchedule(scheduleOf(seed, paces.short)))).toEqual([])
    },
  )

  it('plays the same seed the same way', async () => {
    const [one, other] = [await runSchedule(scheduleOf(7)), await runSchedule(scheduleOf(7))]
    for (const topic of ['rollout.decisions.v1', 'llm.evidence.v1', 'control.acks.v1'])
      expect(await texts(one, topic)).toEqual(await texts(other, topic))
  })

  it('sees what is broken: a record that the store lost, and one that it holds twice', async () => {
    const outcome = await runSchedule(undisturbed(scheduleOf(2)))
    const places = outcome.store.rows()
    const tampered = { ...outcome, store: { rows: () => [...places.slice(1), places[1] ?? ''] } }
    expect(await violations(tampered)).toHaveLength(2)
  })

  it.each([
    { pace: 'short', seed: 268 },
    { pace: 'brief', seed: 545 },
  ] as const)('sees a sink that announces no attempt but its first: $pace, seed $seed', async ({ pace, seed }) => {
    const schedule = scheduleOf(seed, paces[pace])
    expect(await violations(await runSchedule(schedule))).toEqual([])
    const found = await violations(await runSchedule(schedule, forgetfulSink))
    expect(found.filter((violation) => /^store: .* is there 0 times$/.test(violation))).not.toEqual([])
  })
})
