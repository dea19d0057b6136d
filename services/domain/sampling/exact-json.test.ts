import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseExactly } from './exact-json.ts'
import { parametersHash } from './parameters-hash.ts'

describe('a JSON text that is read and written again', () => {
  it.each([
    '1.0',
    '-0',
    '1e3',
    '1E-7',
    '0.0000001',
    '0.10',
    '12345678901234567890',
    '0.1234567890123456789',
    '123456.7890123456789',
    '1e400',
  ])('keeps %s as it is', (number) => {
    const text = `{"a":[${number},{"b":${number}}],"c":"${number}"}`
    expect(JSON.stringify(parseExactly(text))).toBe(text)
  })

  it('keeps any number that somebody may write', () => {
    const digits = fc.stringMatching(/^-?(0|[1-9]\d{0,20})(\.\d{1,20})?([eE][+-]?\d{1,3})?$/)
    fc.assert(
      fc.property(digits, (number) => {
        expect(JSON.stringify(parseExactly(`[${number}]`))).toBe(`[${number}]`)
      }),
    )
  })

  it('says what is no JSON', () => {
    expect(() => parseExactly('{"a":01}')).toThrow(SyntaxError)
  })
})

describe('the hash of parameters', () => {
  const body = { model: 'm', messages: [1], temperature: 0.5, tools: [{ a: 1, b: 2 }], stream: true }
  const hash = parametersHash(body)

  it('is the same for the live call and its replay: model, texts, streaming, order and state do not count', () => {
    const other = { tools: [{ b: 2, a: 1 }], temperature: 0.5, messages: [], model: 'n', store: true, user: 'u' }
    expect(parametersHash(other)).toBe(hash)
    expect(hash).toMatch(/^[0-9a-f]{16}$/)
  })

  it.each([{ temperature: 0.6 }, { max_tokens: 5 }, { tools: [] }, { response_format: { type: 'json_object' } }])(
    'changes with %o',
    (change) => expect(parametersHash({ ...body, ...change })).not.toBe(hash),
  )
})
