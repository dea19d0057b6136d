import { describe, expect, it } from 'vitest'
import { topics } from '../../services/flow.ts'
import { partitionOf } from '../../services/platform/kafka/partition-counts.ts'
import { uncaptured } from '../support/uncaptured.ts'

/** Ids that all go to one partition. */
const inOne = Array.from({ length: 200 }, (_, index) => `x${index}`).filter(
  (id) => partitionOf(id, topics.exchanges.partitions) === 0,
)
const elsewhere = Array.from({ length: 200 }, (_, index) => `y${index}`).find(
  (id) => partitionOf(id, topics.exchanges.partitions) === 1,
)
const [a = '', b = '', c = '', d = ''] = inOne
const seen = (id: string, endedAtMs: number, status: number | null = 200) => ({ id, status, endedAtMs })

describe('what callers were answered and the log does not know', () => {
  it('was not sent yet when nothing later of its gateway and partition is there', () => {
    const all = [seen(a, 1_000), seen(b, 2_000), seen(c, 9_000)]
    expect(uncaptured(all, new Set([a]), [9_500])).toEqual({
      answered: 3,
      missing: 2,
      unsent: 2,
      unsentForMsMax: 7_500,
      lost: [],
    })
  })

  it('is lost when something later is there', () => {
    const all = [seen(a, 1_000), seen(b, 2_000), seen(c, 9_000)]
    expect(uncaptured(all, new Set([a, c]), [9_500])).toMatchObject({
      missing: 1,
      unsent: 0,
      lost: [expect.stringContaining(b)],
    })
  })

  it('is not lost for what another partition or another life of the gateway sent later', () => {
    const all = [seen(a, 1_000), seen(elsewhere ?? '', 2_000), seen(b, 4_000)]
    expect(uncaptured(all, new Set([elsewhere, b]), [3_000])).toMatchObject({ missing: 1, unsent: 1 })
  })

  it('was given by the gateway that has just died when its caller reads it a moment later', () => {
    const all = [seen(a, 1_000), seen(b, 3_200), seen(c, 9_000)]
    expect(uncaptured(all, new Set([a, c]), [3_000])).toMatchObject({ missing: 1, unsent: 1 })
    expect(uncaptured(all, new Set([a, c]), [2_900])).toMatchObject({ missing: 1, unsent: 0 })
  })

  it('is lost when no gateway was killed after it', () => {
    expect(uncaptured([seen(a, 1_000), seen(b, 5_000)], new Set([a]), [3_000])).toMatchObject({ missing: 1, unsent: 0 })
    expect(uncaptured([seen(a, 1_000)], new Set(), [])).toMatchObject({ missing: 1, unsent: 0 })
  })

  it('may have gone either way when it ended with what is there', () => {
    expect(uncaptured([seen(a, 1_000), seen(b, 1_100)], new Set([b]), [2_000])).toMatchObject({ unsent: 1 })
    expect(uncaptured([seen(a, 1_000), seen(b, 1_300)], new Set([b]), [2_000])).toMatchObject({ unsent: 0 })
  })

  it('counts neither failures nor calls that the gateway never named', () => {
    const all = [
      seen(a, 1_000, 500),
      seen(b, 1_000, null),
      { id: null, status: 200, endedAtMs: 1_000 },
      seen(c, 1),
      seen(d, 2),
    ]
    expect(uncaptured(all, new Set([c, d]), [])).toMatchObject({ answered: 2, missing: 0 })
  })
})
