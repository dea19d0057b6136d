import { describe, expect, it } from 'vitest'
import { readTraffic } from './traffic-csv.ts'

const rows = (cells: (hour: number) => string, length = 24) => Array.from({ length }, (_, hour) => cells(hour))
const file = (header: string, lines: readonly string[]) => [header, ...lines, ''].join('\n')

describe('a traffic file', () => {
  it('of a day, in any order, with quotes, segments and tokens', () => {
    const text = file(
      '"hour","requests","tier=gold","input_tokens","output_tokens"',
      rows((hour) => `${hour},10,${hour % 3},1000,200`).reverse(),
    )
    const read = readTraffic(text)
    expect(read).toMatchObject({
      kind: 'traffic',
      traffic: { hourlyUnits: null, tokensPerRequest: { input: 100, output: 20 } },
    })
    if (read.kind === 'traffic') expect(read.traffic.segments['tier=gold']?.slice(0, 4)).toEqual([0, 1, 2, 0])
  })

  it('of a week has 168 hours', () => {
    const read = readTraffic(
      file(
        'hour,requests,units',
        rows((hour) => `${hour},${hour},1`, 168)
          .slice(1)
          .concat('0,1,1'),
      ),
    )
    expect(read.kind === 'traffic' && read.traffic.hourlyRequests[167]).toBe(167)
  })

  it.each([
    ['an unknown column', file('hour,requests,tier', []), 1, 3, /unknown column `tier`; use hour, requests/],
    ['a missing column', file('hour,units', []), 1, 1, /no column `requests`/],
    ['a column twice', file('hour,requests,requests', []), 1, 3, /appears twice/],
    ['half of the tokens', file('hour,requests,input_tokens', []), 1, 1, /both or neither/],
    [
      'a word for a count',
      file(
        'hour,requests',
        rows((hour) => (hour === 2 ? '2,many' : `${hour},1`)),
      ),
      4,
      2,
      /`many` is no count/,
    ],
    [
      'a negative count',
      file(
        'hour,requests',
        rows((hour) => (hour === 2 ? '2,-1' : `${hour},1`)),
      ),
      4,
      2,
      /`-1` is no count/,
    ],
    [
      'an empty cell',
      file(
        'hour,requests',
        rows((hour) => (hour === 2 ? '2,' : `${hour},1`)),
      ),
      4,
      2,
      /`` is no count/,
    ],
    [
      'a cell too few',
      file(
        'hour,requests',
        rows((hour) => (hour === 2 ? '2' : `${hour},1`)),
      ),
      4,
      2,
      /1 cells under 2 columns/,
    ],
    [
      'an hour twice',
      file(
        'hour,requests',
        rows((hour) => `${hour === 3 ? 2 : hour},1`),
      ),
      5,
      1,
      /hour 2 appears twice/,
    ],
    [
      'an hour that no day has',
      file(
        'hour,requests',
        rows((hour) => `${hour === 3 ? 24 : hour},1`),
      ),
      5,
      1,
      /from 0 to 23/,
    ],
    [
      'a day that is not whole',
      file(
        'hour,requests',
        rows((hour) => `${hour},1`, 20),
      ),
      22,
      1,
      /no row for hour 20, 21, 22, 23; give 24/,
    ],
    [
      'a week that is not whole',
      file(
        'hour,requests',
        rows((hour) => `${hour},1`, 30),
      ),
      32,
      1,
      /168 of a week/,
    ],
    [
      'no traffic at all',
      file(
        'hour,requests',
        rows((hour) => `${hour},0`),
      ),
      2,
      2,
      /no request in any hour/,
    ],
    [
      'more of a segment than of all',
      file(
        'hour,requests,tier=gold',
        rows((hour) => `${hour},1,2`),
      ),
      2,
      3,
      /2 of tier=gold are more than the 1 requests/,
    ],
    ['nothing', '', 1, 1, /unknown column/],
  ])('with %s is refused by line and column', (_, text, line, column, message) => {
    const read = readTraffic(text)
    if (read.kind === 'traffic') throw new Error('accepted')
    expect(read.problems[0]).toMatchObject({ line, column, message: expect.stringMatching(message) })
  })
})
