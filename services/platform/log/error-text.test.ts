import { expect, test } from 'vitest'
import { describe, errorText } from './error-text.ts'

const caught = (act: () => unknown): unknown => {
  try {
    return act()
  } catch (error) {
    return error
  }
}

test('says what happened and where, and nothing of a text that could not be parsed', () => {
  const quoting = caught(() => JSON.parse('a secret of a customer'))
  expect(String(quoting)).toContain('secret')
  const wrapped = Object.assign(new Error('decoding failed', { cause: quoting }), { code: 'BAD' })
  const said = describe(wrapped)
  expect(said).toMatchObject({ type: 'Error', message: 'decoding failed', code: 'BAD', cause: { type: 'SyntaxError' } })
  expect(JSON.stringify(said)).toContain('error-text.test')
  expect(JSON.stringify(said) + errorText(quoting)).not.toContain('secret')
  expect(errorText(wrapped)).toBe('Error: decoding failed')
  expect([errorText('gone'), describe('gone')]).toEqual(['gone', { message: 'gone' }])
})
