import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import type { RunFacts } from '../domain/pairing/run-facts.ts'
import { place, request } from '../domain/pairing/sample-exchange.ts'
import { topics } from '../flow.ts'
import type { InRecord, OutRecord, Written } from '../platform/kafka/transport.ts'
import { createExchangeDecoder } from './exchange-decoder.ts'
import { createPairingService } from './pairing-service.ts'
import { allFacts, cases, codec, type Part } from './sample-cases.ts'

/** A service that has read these records, and its evidence. */
async function evidenceOf(parts: readonly Part[], run: RunFacts = allFacts): Promise<readonly OutRecord[]> {
  const sent: OutRecord[] = []
  const service = createPairingService({
    decoder: createExchangeDecoder(codec),
    encode: (name, value) => codec.encode(name, value),
    clock: { nowMs: () => 0, monoMs: () => 0 },
    runs: { facts: (id) => (id === place.run ? run : null) },
    openMax: 1_000,
    async send(outputs) {
      sent.push(...outputs)
      return outputs.map(({ topic }, offset): Written => ({ topic, partition: 0, offset }))
    },
    deadLetter: async (_, code, reason) => expect.unreachable(`${code}: ${reason}`),
    usable: () => undefined,
    published: () => null,
    waitForRun: async () => undefined,
    onLost: (cause) => expect.unreachable(String(cause)),
  })
  const at = { topic: topics.exchanges.name, partition: 0 }
  service.onAssigned([{ ...at, committed: 0 }])
  const closing: Part = [
    1_000_000,
    codec.encode('Request', { ...request('closing'), place: null, body: Buffer.alloc(0) }),
  ]
  const inOrder = [...parts].sort(([a], [b]) => a - b)
  const records = [...inOrder, closing].map(
    ([atMs, value], offset): InRecord => ({
      ...at,
      offset,
      timestampMs: 10_000_000 + atMs,
      value,
      key: null,
      headers: {},
    }),
  )
  await service.onBatch({ ...at, records, endOffset: records.length })
  await service.onBatch({ ...at, records: [], endOffset: records.length })
  await new Promise((resolve) => setImmediate(resolve))
  return sent
}

function digestOf(evidence: readonly OutRecord[]): string {
  const sum = createHash('sha256')
  for (const { key, value } of evidence) sum.update(`${key} ${value?.length}\n`).update(value ?? '')
  return `${evidence.length} ${sum.digest('hex').slice(0, 16)}`
}

const together = cases.flatMap(([, parts]) => parts)
/** The same run, whose plan asks for no more than the metrics that pass. */
const asking = (passes: (name: string) => boolean): RunFacts => ({
  ...allFacts,
  plan: { ...allFacts.plan, metrics: allFacts.plan.metrics.filter(({ name }) => passes(name)) },
})

it('is what it was, byte for byte, of all that an answer can be', async () => {
  const all: Record<string, string> = {}
  for (const [name, parts] of cases) all[name] = digestOf(await evidenceOf(parts))
  expect(all).toMatchInlineSnapshot(`
    {
      "0 ASCII": "9 39ae771d55387730",
      "0 others": "9 d06dea97eae22684",
      "1 ASCII": "9 c1c1da0a75681769",
      "1 others": "9 2d62b95656ed216b",
      "1024 ASCII": "9 05532550aa5d52d0",
      "1024 others": "9 50a210364cae90c1",
      "16384 ASCII": "9 ce0d14d26a8e1fed",
      "16384 others": "9 8e2b69bc46f67575",
      "400000 ASCII": "9 7d71219a020a11a6",
      "400000 others": "9 2a4c3e6356278fba",
      "4096 ASCII": "9 771d1821704df796",
      "4096 others": "9 666e6fe68fc10c77",
      "65536 ASCII": "9 7553532b83396ee5",
      "65536 others": "9 3c928119f1f4aa66",
      "7 ASCII": "9 5e0c4cebac30a2af",
      "7 others": "9 f20cdac994144a10",
      "NUL and marks of order": "9 f705426f52548baa",
      "a plan of its own": "9 ef25f31f5686bb1c",
      "an orphan": "9 d4294552d3bbc7e5",
      "answers before the request": "9 84fae771a4d7a611",
      "bytes that are no text": "9 216e8b6c8f4fb728",
      "composed and not": "9 7a985b11a6f02979",
      "ends that are nobody’s fault": "7 3d72ad34f069024b",
      "equal when normalised": "9 fba49b938128bebf",
      "failures": "7 a903967605d6eb7c",
      "golden 77829badf8": "9 98ba3b95d7047513",
      "golden exact": "9 b1d3e9470858f024",
      "golden json": "9 906fc3bf00876daa",
      "golden match": "9 ea5006b84f59ffef",
      "golden normalised": "9 f8353ac78893a5dd",
      "golden numeric": "9 b4f4491cd9afda50",
      "halves of characters": "9 70f34de92e2fe0e9",
      "late opening": "9 1c4bff546f0e25cc",
      "never heard of": "9 d833a5bff8f4d266",
      "no plan": "3 8e85a59bc12adb58",
      "no tokens": "9 bae930f5f0f891b4",
      "not by the split": "6 1ddcb7376d858d85",
      "of a later turn": "3 2979b5f13605e829",
      "of no run": "0 e3b0c44298fc1c14",
      "prompt: a mark of order": "9 60484e7da79b7e55",
      "prompt: a prompt": "9 ee0eb8fcc7c51fd3",
      "prompt: an input": "9 fe90d6d283d397cc",
      "prompt: escapes": "9 771d0ebd96cf05d4",
      "prompt: inputs": "9 34427305696c7e93",
      "prompt: items": "9 cb972dac45e174bd",
      "prompt: message": "9 bd40dc41e1d322fb",
      "prompt: no JSON": "9 8556f2acda1a8e29",
      "prompt: no text": "9 b6c19e8c0b639c03",
      "prompt: no user": "9 741a24e77108b833",
      "prompt: nothing": "9 483cf153693ac67e",
      "prompt: parts": "9 5689fd6a71b61ada",
      "refusals": "9 abdf1014325f54f7",
      "refused by the provider": "9 60399463ad337ba1",
      "slow": "9 782becb6bbf53da4",
      "the candidate lives": "3 b180b96119d3cd8b",
      "too late": "9 e52ae4ce7269401f",
      "tool calls": "9 ac60f7d7cbcd3031",
      "tool calls of ASCII alone": "9 235597619a6040a7",
      "truncated": "9 45d1b78bd926524e",
      "twice": "9 065b5d41f19855d1",
      "vectors": "9 10d809b123b80a30",
      "without texts": "6 4a3ef4adb974d2e8",
    }
  `)
})

it('is what it was of all of them at once, also where a plan asks for less', async () => {
  const of = async (run: RunFacts) => digestOf(await evidenceOf(together, run))
  expect({
    all: await of(allFacts),
    'no sketches': await of(asking((name) => name !== 'dissimilarity')),
    exact: await of(asking((name) => name === 'differs_exact')),
    normalised: await of(asking((name) => name === 'differs_normalised')),
    'nothing of texts': await of(asking((name) => !/differs|dissimilarity|golden/.test(name))),
  }).toMatchInlineSnapshot(`
    {
      "all": "521 2252610f6c1fa092",
      "exact": "234 6b0b1d0040a6fa58",
      "no sketches": "521 b0799d1de5ec552f",
      "normalised": "234 46a0f20a561ef20c",
      "nothing of texts": "521 d8ab1461b134ce64",
    }
  `)
})
