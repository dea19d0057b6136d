import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { isGoldenWrong } from '../../services/domain/scoring/golden.ts'
import { goldenEntries } from './act-upgrade.ts'
import { startModelServer } from './model-server.ts'
import { arenaRecordings, driftRecordings, latencyScale, shuffled } from './recordings.ts'

interface Labelled {
  readonly id: string
  readonly baseline: { readonly output: string; readonly latency_s: number }
  readonly candidate: { readonly output: string }
  readonly labels: { readonly baseline: { readonly correct: number }; readonly candidate: { readonly correct: number } }
}

it('the golden rules reproduce the recorded labels', () => {
  const recordings = driftRecordings()
  const entries = new Map(goldenEntries(recordings).map((entry) => [entry.ref, entry]))
  const file = new URL('./recordings/llmdrift-pairs-gpt4.jsonl.gz', import.meta.url)
  const lines = gunzipSync(readFileSync(file)).toString('utf8').split('\n').filter(Boolean)
  const disagreeing = { prime: 0, happy_number: 0 }
  for (const line of lines) {
    const labelled = JSON.parse(line) as Labelled
    const entry = entries.get(labelled.id)
    if (entry === undefined) throw new Error(labelled.id)
    for (const arm of ['baseline', 'candidate'] as const) {
      const right = !isGoldenWrong(entry, labelled[arm].output)
      if (right !== (labelled.labels[arm].correct === 1))
        disagreeing[labelled.id.startsWith('prime') ? 'prime' : 'happy_number'] += 1
    }
  }
  expect(lines).toHaveLength(1_500)
  expect(disagreeing.prime).toBe(0)
  // The recorded labels of happy_number compare whole strings in places; the rule reads the number in the box.
  expect(disagreeing.happy_number).toBeLessThanOrEqual(20)
})

it('the stream is the same for the same seed and holds everything once', () => {
  const recordings = arenaRecordings()
  const ids = (seed: number) => shuffled(recordings, seed).map((recording) => recording.id)
  expect(ids(7)).toEqual(ids(7))
  expect(ids(7)).not.toEqual(ids(8))
  expect(new Set(ids(7)).size).toBe(500)
})

it('replays answers at the scaled speed, with faults on demand, and says when it has none', async () => {
  const recordings = driftRecordings().slice(0, 3)
  const server = await startModelServer(recordings)
  const recording = recordings[0]
  if (recording === undefined) throw new Error('no recording')
  const ask = (model: string, content = recording.prompt) =>
    fetch(`${server.baseUrl}/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({ model, messages: [{ role: 'user', content }] }),
    })
  try {
    const answer = (await (await ask('gpt-4-0314')).json()) as {
      readonly choices: readonly { readonly message: { readonly content: string } }[]
    }
    expect(answer.choices[0]?.message.content).toBe(recording.answers.get('gpt-4-0314')?.text)
    expect((await ask('gpt-4-0314', 'never recorded')).status).toBe(404)
    server.setFault({ model: 'gpt-4-0613', kind: 'errors' })
    expect((await ask('gpt-4-0613')).status).toBe(500)
    expect((await ask('gpt-4-0314')).status).toBe(200)
    expect(latencyScale).toBe(50)
  } finally {
    await server.stop()
  }
})
