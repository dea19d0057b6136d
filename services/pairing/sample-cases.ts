import type { Records, Request, Response } from '../domain/events/records.ts'
import { schemaTexts } from '../domain/events/schemas.ts'
import type { AnalysisPlan } from '../domain/gate/plan.ts'
import type { RunFacts } from '../domain/pairing/run-facts.ts'
import { request, response, shadowPlan } from '../domain/pairing/sample-exchange.ts'
import { samplePlan } from '../domain/rollout/sample-run.ts'
import type { GoldenRule } from '../domain/rollout/spec.ts'
import { metricCatalogue } from '../domain/scoring/catalogue.ts'
import { sha256Hex } from '../domain/scoring/normalise.ts'
import { vectorSketch } from '../domain/scoring/vector-sketch.ts'
import { createAvroCodec } from '../platform/registry/avro-codec.ts'

// Exchanges of every size, content and end that an answer can have, as they stand in the log.

/** Every metric there is, read when its catalogue says. */
const plan: AnalysisPlan = {
  ...samplePlan,
  legTimeoutMs: 60_000,
  metrics: metricCatalogue.map(({ name, kind, lowerIsBetter, comparisons, horizon }) => ({
    name,
    kind,
    role: 'signal',
    lowerIsBetter,
    mustHaveData: false,
    horizonMs: horizon.kind === 'fast' ? horizon.ms : 60_000,
    budgetMs: name.endsWith('_over_budget') ? 350 : null,
    comparisons,
  })),
}
const promptOf = (text: string) => sha256Hex(text)
const golden: Readonly<Record<string, { readonly rule: GoldenRule; readonly expected: string }>> = {
  exact: { rule: { kind: 'exact' }, expected: 'Naïve 😀' },
  normalised: { rule: { kind: 'normalised' }, expected: 'naïve 😀' },
  json: { rule: { kind: 'json' }, expected: '{"a":[1,"é"]}' },
  numeric: { rule: { kind: 'numeric', tolerance: 0.5 }, expected: '1234' },
  match: { rule: { kind: 'last_match', pattern: '\\b(yes|no)\\b', flags: 'i', fold: true }, expected: 'no' },
  [promptOf('of the golden set')]: { rule: { kind: 'exact' }, expected: 'right' },
}
export const allFacts: RunFacts = {
  plan,
  goldenByPrompt: true,
  golden(ref, promptHash) {
    const entry = golden[ref ?? ''] ?? golden[promptHash ?? '']
    return entry === undefined ? null : { ref, promptHash, ...entry }
  },
  price: (arm) => (arm === 'baseline' ? null : { inputMicroUsdPerMillion: 3e6, outputMicroUsdPerMillion: 6e6 }),
}

const ids = Object.fromEntries(Object.keys(schemaTexts).map((name, index) => [name, index + 1]))
export const codec = createAvroCodec<Records>(
  schemaTexts,
  ids as Record<keyof Records & string, number>,
  async () => null,
)

export type Part = readonly [appendedMs: number, value: Buffer]

const asked = (id: string, change: Partial<Request> = {}, atMs = 0): Part => [
  atMs,
  codec.encode('Request', { ...request(id), shadow_plan: shadowPlan(id), ...change, body: body(change.body) }),
]
const body = (value: Uint8Array | undefined) => Buffer.from(value ?? request('').body)
const bodyOf = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
type LegName = keyof typeof legs
const legs = {
  live: ['baseline', 'live'],
  candidate: ['candidate', 'shadow'],
  baseline: ['baseline', 'shadow'],
  liveCandidate: ['candidate', 'live'],
} as const

const answered = (id: string, of: LegName, change: Partial<Response> = {}, atMs = 900): Part => {
  const [arm, leg] = legs[of]
  return [atMs, codec.encode('Response', { ...response(id, arm, leg), ...change })]
}
/** One exchange whose live answer, candidate's and second baseline answer are these. */
const three = (
  id: string,
  texts: readonly [string, string, string],
  change: Partial<Request> = {},
): readonly Part[] => [
  asked(id, change),
  answered(id, 'live', { output: texts[0] }),
  answered(id, 'candidate', { output: texts[1], output_tokens: 7, cost_micro_usd: 3 }),
  answered(id, 'baseline', { output: texts[2], started_at: 500, ended_at: 1_000 }),
]
/** What no producer of ours writes: bytes that are no UTF-8. */
const broken = ([atMs, value]: Part, from: string, to: readonly number[]): Part => {
  const at = value.indexOf(from)
  Buffer.from(to).copy(value, at)
  return [atMs, value]
}
const filled = (text: string, bytes: number) => text.repeat(Math.ceil(bytes / text.length)).slice(0, bytes)
const prose = 'The **quick** brown fox\tjumps over  the lazy dog.\r\n# It does, `often`! '
const world = 'Füchse springen – 狐は跳ぶ 😀 ﬁne ２ İß. '
const tools = [{ name: 'search', arguments: '{"q":"é"}' }]

const sizes = [0, 1, 7, 1_024, 4_096, 16_384, 65_536, 400_000].flatMap((bytes) =>
  [prose, world].map((text, index) => {
    const whole = filled(text, bytes)
    const name = `${bytes} ${index === 0 ? 'ASCII' : 'others'}`
    return [name, three(name, [whole, `${whole}!`, whole.toUpperCase()])] as const
  }),
)

const contents: readonly (readonly [string, readonly Part[]])[] = [
  ['equal when normalised', three('c1', ['**Yes.** ', 'yes', 'YES\n'])],
  ['NUL and marks of order', three('c2', ['a\0b', 'a b', '\ufeffa\0b'])],
  ['halves of characters', three('c3', ['a\ud800b', 'a\ufffdb', 'é'])],
  ['composed and not', three('c4', ['é', 'e\u0301', 'E\u0301.'])],
  ['refusals', three('c5', ["I'm sorry, but I can't help.", 'I’m sorry, but no', 'Unfortunately, I cannot comply'])],
  ['late opening', three('c6', [`${' '.repeat(190)}Sorry, but no`, `${'é '.repeat(99)}Sorry, but`, 'Sorry, I'])],
  [
    'vectors',
    three(
      'c7',
      [
        [1, 2, 3],
        [1, -2, 3],
        [1, 2],
      ].map(vectors) as [string, string, string],
    ),
  ],
  [
    'tool calls',
    [
      asked('c8'),
      answered('c8', 'live', { output: '', tool_calls: tools }),
      answered('c8', 'candidate', { output: 'search', tool_calls: tools }),
      answered('c8', 'baseline', { output: '', tool_calls: [...tools, ...tools] }),
    ],
  ],
  [
    'tool calls of ASCII alone',
    [
      asked('c9'),
      answered('c9', 'live', { output: 'Now', tool_calls: [{ name: 'f', arguments: '{}' }] }),
      answered('c9', 'candidate', { output: 'Now\nf({})' }),
      answered('c9', 'baseline', { output: 'now F', tool_calls: [{ name: 'f', arguments: '{ }' }] }),
    ],
  ],
  [
    'refused by the provider',
    [
      asked('c10'),
      answered('c10', 'live', { refusal: 'no', output: '' }),
      answered('c10', 'candidate', { finish_reason: 'content_filter' }),
      answered('c10', 'baseline', { finish_reason: null, refusal: '' }),
    ],
  ],
  [
    'bytes that are no text',
    [
      asked('c11'),
      broken(answered('c11', 'live', { output: 'ab----cd' }), '----', [0xff, 0xc3, 0x28, 0x80]),
      broken(answered('c11', 'candidate', { output: 'ab----cd' }), '----', [0xf0, 0x9f, 0x98, 0x2d]),
      broken(answered('c11', 'baseline', { output: 'ab----cd' }), '----', [0xff, 0xc3, 0x28, 0x80]),
    ],
  ],
]

function vectors(numbers: readonly number[]): string {
  return vectorSketch([Float32Array.from(numbers)])
}

const goldens = Object.keys(golden).map((ref) => {
  const texts = ['Naïve 😀', '```json\n{"a":[1,"é"]}\n```', '**naïve** 😀. Yes. No, 1,234.4'] as const
  return [`golden ${ref.slice(0, 10)}`, three(`g-${ref}`, texts, { golden_ref: ref })] as const
})

const message = (content: unknown) => ({
  messages: [
    { role: 'user', content },
    { role: 'assistant', content: 'x' },
  ],
})
const prompts = Object.entries({
  message: bodyOf(message('of the golden set')),
  parts: bodyOf(message([{ type: 'text', text: 'of the ' }, { type: 'image' }, { text: 'golden set' }])),
  'an input': bodyOf({ input: 'of the golden set' }),
  inputs: bodyOf({ input: ['a', 'b'] }),
  items: bodyOf({ input: [{ role: 'user', content: 'é' }] }),
  'a prompt': bodyOf({ prompt: filled(world, 20_000) }),
  escapes: bodyOf('{"messages":[{"role":"user","content":"\\u006ff the golden\\u0020set"}]}'),
  'no user': bodyOf({ messages: [{ role: 'system', content: 'x' }] }),
  'no JSON': bodyOf('{"messages":'),
  'no text': Buffer.from([0xff, 0xfe, 0x7b]),
  nothing: Buffer.alloc(0),
  'a mark of order': bodyOf('\ufeff{"input":"x"}'),
}).map(([name, sent]) => {
  const id = `p-${name}`
  return [`prompt: ${name}`, three(id, ['right', 'wrong', 'right'], { body: sent, session: null })] as const
})

const ends: readonly (readonly [string, readonly Part[]])[] = [
  [
    'failures',
    [
      asked('e1'),
      answered('e1', 'live', { resolution: 'failed', status: 500, output: '' }),
      answered('e1', 'candidate', { resolution: 'timed_out', ended_at: 60_500, first_token_at: null }),
      answered('e1', 'baseline', { resolution: 'shadow_infrastructure' }),
    ],
  ],
  [
    'ends that are nobody’s fault',
    [
      asked('e2'),
      answered('e2', 'live', { resolution: 'aborted_by_client' }),
      answered('e2', 'candidate', { resolution: 'skipped_budget' }),
      answered('e2', 'baseline', { resolution: 'abandoned' }),
    ],
  ],
  [
    'truncated',
    [
      asked('e3', { golden_ref: 'exact' }),
      answered('e3', 'live', { truncated: true }),
      answered('e3', 'candidate'),
      answered('e3', 'baseline', { truncated: true, output: 'Naïve 😀' }),
    ],
  ],
  ['without texts', three('e4', ['a', 'b', 'a'], { capture: 'metadata', golden_ref: 'exact' })],
  [
    'no tokens',
    [
      asked('e5'),
      answered('e5', 'live', { input_tokens: null }),
      answered('e5', 'candidate', { output_tokens: null, cost_micro_usd: 9 }),
    ],
  ],
  ['never heard of', [asked('e6')]],
  ['no plan', [asked('e7', { shadow_plan: null }), answered('e7', 'live')]],
  [
    'a plan of its own',
    [
      asked('e8', { shadow_plan: null }),
      planned('e8'),
      planned('e8'),
      answered('e8', 'live'),
      answered('e8', 'candidate'),
    ],
  ],
  [
    'the candidate lives',
    [asked('e9', { live_arm: 'candidate' }), answered('e9', 'liveCandidate'), answered('e9', 'baseline')],
  ],
  [
    'of a later turn',
    [asked('e10', { live_arm: 'candidate', turn: 3 }), answered('e10', 'liveCandidate'), answered('e10', 'baseline')],
  ],
  ['not by the split', three('e11', ['a', 'b', 'c'], { assignment: 'latched', segments: { tier: 'ü', a: '' } })],
  [
    'answers before the request',
    [
      answered('e12', 'live', { output: world }, 0),
      answered('e12', 'candidate', {}, 100),
      asked('e12', {}, 800),
      answered('e12', 'baseline'),
    ],
  ],
  [
    'twice',
    [
      asked('e13'),
      asked('e13', { tenant: 'other' }, 10),
      answered('e13', 'live'),
      answered('e13', 'live', { output: 'other' }),
      answered('e13', 'candidate'),
    ],
  ],
  [
    'slow',
    [
      asked('e14'),
      answered('e14', 'live', { ended_at: 30_500 }, 30_500),
      answered('e14', 'candidate', { ended_at: 50_000 }, 50_000),
    ],
  ],
  ['too late', [asked('e15'), answered('e15', 'live', {}, 64_000), answered('e15', 'candidate', {}, 70_000)]],
  ['an orphan', [answered('e16', 'live', {}, 0), asked('e16', {}, 20_000)]],
  ['of no run', [asked('e17', { place: null }), answered('e17', 'live')]],
]

function planned(id: string): Part {
  return [300, codec.encode('ShadowPlan', shadowPlan(id))]
}

/** By name; the ids of their exchanges differ. */
export const cases = [...sizes, ...contents, ...goldens, ...prompts, ...ends]
