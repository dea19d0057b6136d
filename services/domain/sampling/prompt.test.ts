import { describe, expect, it } from 'vitest'
import type { Operation } from './operations.ts'
import { withPrompt } from './prompt.ts'
import { withChange } from './variant-change.ts'

const prompt = { system: 'Be brief.', user: 'Q: {{input}} $&' }
const of = (operation: Operation, body: object, given = prompt as Parameters<typeof withPrompt>[1]) =>
  withPrompt(body as Record<string, unknown>, given, operation)
const user = (content: unknown) => ({ role: 'user', content })
const wrapped = (text: string) => `Q: ${text} $&`

describe('a prompt that the gateway keeps', () => {
  it('takes the place of the caller’s own in chat completions, and wraps what the user said last', () => {
    const assistant = { role: 'assistant', content: 'b' }
    const messages = [
      { role: 'developer', content: 'x' },
      user('a'),
      assistant,
      { role: 'system', content: 'y' },
      user('c'),
    ]
    expect(of('chat.completions', { messages, top_p: 1 })).toEqual({
      messages: [{ role: 'system', content: 'Be brief.' }, user('a'), assistant, user(wrapped('c'))],
      top_p: 1,
    })
  })

  it('keeps images, and wraps the last text of what has parts', () => {
    const parts = [{ type: 'text', text: 'a' }, { type: 'image_url' }, { type: 'text', text: 'b' }]
    expect(of('chat.completions', { messages: [user(parts)] }, { system: null, user: prompt.user })).toEqual({
      messages: [user([parts[0], parts[1], { type: 'text', text: wrapped('b') }])],
    })
    const image = { messages: [user([{ type: 'image_url' }])] }
    expect(of('chat.completions', image, { system: null, user: prompt.user })).toEqual(image)
  })

  it('stands where each operation has it', () => {
    expect(of('messages', { system: [{ text: 'x' }], messages: [user('a')] })).toEqual({
      system: 'Be brief.',
      messages: [user(wrapped('a'))],
    })
    expect(of('responses', { instructions: 'x', input: 'a' })).toEqual({
      instructions: 'Be brief.',
      input: wrapped('a'),
    })
    expect(of('responses', { input: [{ role: 'system', content: 'x' }, user('a')] })).toEqual({
      instructions: 'Be brief.',
      input: [user(wrapped('a'))],
    })
    expect(of('completions', { prompt: 'a' })).toEqual({ prompt: `Be brief.\n\n${wrapped('a')}` })
    expect(of('embeddings', { input: 'a' })).toEqual({ input: 'a' })
  })

  it('leaves what it does not speak of', () => {
    const onlySystem = { system: 'S', user: null }
    const messages = [user('a')]
    expect(of('messages', { messages }, onlySystem)).toEqual({ system: 'S', messages })
    expect(of('messages', { system: 'own', messages }, { system: null, user: '{{input}}' })).toEqual({
      system: 'own',
      messages,
    })
  })
})

describe('what a variant changes', () => {
  it('sets parameters in their place, takes away what is null, and names the model', () => {
    const body = { model: 'a', temperature: 1, max_tokens: 5 }
    const parameters = { max_tokens: 'null', max_completion_tokens: '5', stop: '["x"]' }
    const changed = withChange(body, { operation: 'chat.completions', model: 'b', parameters, prompt: null })
    expect(JSON.stringify(changed)).toBe('{"model":"b","temperature":1,"max_completion_tokens":5,"stop":["x"]}')
  })
})
