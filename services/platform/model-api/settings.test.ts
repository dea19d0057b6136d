import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { promptOf, readPrompts } from './prompt-settings.ts'
import { keyHeader, readProviderKey, serves } from './provider-settings.ts'

const dir = mkdtempSync(join(tmpdir(), 'penstock-settings-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))
const file = (name: string, text: string) => {
  writeFileSync(join(dir, name), text)
  return join(dir, name)
}
const thrown = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    return String(error)
  }
  return ''
}

describe('keys of providers', () => {
  const key = 'secret-of-the-provider'
  it('come from a file or a variable', () => {
    expect(readProviderKey({ id: 'p', apiKeyFile: file('key', `${key}\n`) }, {})).toBe(key)
    expect(readProviderKey({ id: 'p', apiKeyEnv: 'KEY' }, { KEY: key })).toBe(key)
    expect(readProviderKey({ id: 'p' }, { KEY: key })).toBeNull()
    expect(keyHeader('openai', key)).toEqual({ authorization: `Bearer ${key}` })
    expect(keyHeader('anthropic', key)).toEqual({ 'x-api-key': key })
  })

  it.each([
    [{ apiKeyEnv: 'KEY' }, /provider p: apiKeyEnv names KEY, which is not set/],
    [{ apiKeyFile: join(dir, 'nowhere') }, /provider p: apiKeyFile .*nowhere cannot be read \(ENOENT\)/],
    [{ apiKeyFile: file('empty', '\n') }, /provider p: apiKeyFile .*empty is empty/],
  ])('are missed with a word on where: %o', (named, expected) => {
    const problem = thrown(() => readProviderKey({ id: 'p', ...named }, { OTHER: key }))
    expect(problem).toMatch(expected)
    expect(problem).not.toContain(key)
  })

  it('operations are those of the API unless the settings say otherwise', () => {
    expect(serves({ api: 'anthropic' }, 'messages')).toBe(true)
    expect(serves({ api: 'openai' }, 'messages')).toBe(false)
    expect(serves({ api: 'openai', operations: ['messages'] }, 'messages')).toBe(true)
  })
})

describe('prompts of a route', () => {
  it('are read from the settings or from files beside them', () => {
    file('v2.txt', 'Be brief.\n')
    const prompts = { v1: { system: 'Be kind.', user: 'Q: {{input}}' }, v2: { systemFile: 'v2.txt' } }
    const read = readPrompts({ id: 'r', prompts }, join(dir, 'penstock.yaml'), '{{input}}')
    expect(read).toEqual({
      v1: { system: 'Be kind.', user: 'Q: {{input}}' },
      v2: { system: 'Be brief.\n', user: null },
    })
    expect(promptOf(read, 'v2')).toEqual(read?.['v2'])
    expect([promptOf(read, null), promptOf(read, 'v3'), promptOf(read, 'constructor')]).toEqual([
      null,
      'unknown',
      'unknown',
    ])
    expect(promptOf(readPrompts({ id: 'r' }, '', '{{input}}'), 'v3')).toBeNull()
  })

  it('are refused all at once, each with its reason', () => {
    const prompts = { a: { user: 'no place' }, b: {}, c: { system: 'x', systemFile: 'y' }, d: { userFile: 'nowhere' } }
    const problem = thrown(() => readPrompts({ id: 'r', prompts }, join(dir, 'penstock.yaml'), '{{input}}'))
    for (const part of [
      'prompts.a.user: says nowhere {{input}}',
      'prompts.b: is empty',
      'prompts.c: system and',
      'prompts.d.userFile: nowhere',
    ])
      expect(problem).toContain(part)
  })
})
