import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { answerBytes, eventCount, type GiantModel, startGiantModel } from '../support/giant-model.ts'
import { startTestInstallation } from '../support/installation.ts'
import { serviceNames, type TestInstallation } from '../support/service-installation.ts'

const price = { inputUsdPerMillion: 30, outputUsdPerMillion: 60 }
/** Time for 20 MB beside everything else, from the first byte to the last. */
const legTimeout = '10s'
const rollout = readFileSync(new URL('./long-canary.yaml', import.meta.url), 'utf8')
  .replaceAll('provider: replay', 'provider: giants')
  .replace('legTimeout: 2s', `legTimeout: ${legTimeout}`)
  .replace('secondLegShare: 0.5', 'secondLegShare: 1')
  .replace('startWithin: 500ms', 'startWithin: 5s')
  .replace('{ weight: 0%, minDuration: 5s }', '{ weight: 0%, minDuration: 30m }')

describe('an answer of 20 MB and a stream of 100,000 events', () => {
  let model: GiantModel
  let penstock: TestInstallation
  let run = ''

  beforeAll(async () => {
    model = await startGiantModel()
    penstock = await startTestInstallation(
      'giants',
      {
        providers: [{ id: 'giants', baseUrl: model.baseUrl, prices: { 'gpt-4-0314': price, 'gpt-4-0613': price } }],
        routes: [{ id: 'chat', default: { id: 'gpt-4-0613', provider: 'giants', model: 'gpt-4-0613' } }],
      },
      { gateway: { PENSTOCK_GATEWAY_LEG_TIMEOUT_MS: '10000' } },
    )
    ;({ run } = await penstock.api.apply(rollout, null))
  }, 240_000)

  afterAll(async () => {
    await penstock?.stop()
    await model?.stop()
  }, 120_000)

  const ask = async (stream: boolean) => {
    const answer = await fetch(`${penstock.gatewayUrl}/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${penstock.tenantToken}`, 'x-penstock-user': 'ann' },
      body: JSON.stringify({ model: 'gpt-4-0613', stream, messages: [{ role: 'user', content: 'everything' }] }),
    })
    const body = await answer.text()
    return { id: answer.headers.get('x-penstock-exchange') ?? '', status: answer.status, body }
  }

  it('pass whole, are paired by what is kept of them, and stop nobody', async () => {
    await expect.poll(async () => (await penstock.api.status(run)).phase, { timeout: 60_000 }).toBe('shadow')
    const [whole, streamed] = [await ask(false), await ask(true)]
    expect([whole.status, streamed.status]).toEqual([200, 200])
    expect(whole.body.length).toBeGreaterThan(answerBytes - 12)
    expect(streamed.body.match(/^data: /gm)).toHaveLength(eventCount + 2)
    // Of a document that is too long to be read to its end nothing is known; of a stream its beginning is kept.
    for (const { id, kept } of [
      { ...whole, kept: 'length(text) = 0' },
      { ...streamed, kept: 'length(text) BETWEEN 849000 AND 850000' },
    ]) {
      const answered = { resolution: 'answered', asKept: 1 }
      const legs = () =>
        penstock.query(`SELECT leg, arm, resolution, ${kept} AS asKept FROM legs
          WHERE exchange_id = '${id}' AND leg != 'request' ORDER BY leg, arm`)
      await expect.poll(legs, { timeout: 60_000, interval: 500 }).toEqual([
        { leg: 'live', arm: 'baseline', ...answered },
        { leg: 'shadow', arm: 'baseline', ...answered },
        { leg: 'shadow', arm: 'candidate', ...answered },
      ])
      // Each comparison at its last horizon: nobody's answer counts as an error for being long.
      const evidence = () =>
        penstock.query(`SELECT comparison, baseline_resolution AS baseline, candidate_resolution AS candidate
          FROM evidence FINAL WHERE exchange_id = '${id}' AND horizon_ms = 10000 ORDER BY comparison`)
      await expect.poll(evidence, { timeout: 60_000, interval: 500 }).toEqual(
        ['aa', 'content_ab', 'shadow_ab'].map((comparison) => ({
          comparison,
          baseline: 'answered',
          candidate: 'answered',
        })),
      )
    }
    expect(penstock.restarts).toEqual(Object.fromEntries(serviceNames.map((service) => [service, 0])))
  }, 200_000)
})
