import type { Operation } from './operations.ts'

/** A prompt that the gateway keeps by version. Null parts leave what the caller sent. */
export interface Prompt {
  /** Takes the place of whatever system prompt the caller sent. */
  readonly system: string | null
  /** What the last message of the user becomes; its own text stands where this says `{{input}}`. */
  readonly user: string | null
}

/** Where a prompt's user part says this, the user's own text stands. */
export const userSlot = '{{input}}'

type Body = Readonly<Record<string, unknown>>

/** The body with a prompt in the places where its operation has them. Embeddings have none and stay as they are. */
export function withPrompt(body: Body, prompt: Prompt, operation: Operation): Body {
  switch (operation) {
    case 'chat.completions':
      return { ...body, messages: promptedMessages(body['messages'], prompt) }
    case 'messages': {
      const messages = asked(body['messages'], prompt)
      return prompt.system === null ? { ...body, messages } : { ...body, system: prompt.system, messages }
    }
    case 'responses': {
      const { input } = body
      if (prompt.system === null) return { ...body, input: asked(input, prompt) }
      return { ...body, instructions: prompt.system, input: asked(withoutSystem(input), prompt) }
    }
    case 'completions':
      return { ...body, prompt: promptedText(body['prompt'], prompt) }
    case 'embeddings':
      return body
  }
}

function promptedMessages(messages: unknown, prompt: Prompt): unknown {
  if (prompt.system === null || !Array.isArray(messages)) return asked(messages, prompt)
  const system = { role: 'system', content: prompt.system }
  return [system, ...(asked(withoutSystem(messages), prompt) as readonly unknown[])]
}

/** Messages without those that speak for the system: a second system prompt would contradict the first. */
function withoutSystem(messages: unknown): unknown {
  if (!Array.isArray(messages)) return messages
  return messages.filter((message) => !['system', 'developer'].includes(String(fieldOf(message, 'role'))))
}

/** Messages (or the text that stands for a single one) with the template around the last thing that the user said. */
function asked(messages: unknown, { user }: Prompt): unknown {
  if (user === null) return messages
  if (typeof messages === 'string') return filled(user, messages)
  if (!Array.isArray(messages)) return messages
  const last = messages.findLastIndex((message) => fieldOf(message, 'role') === 'user')
  return messages.map((message: unknown, at) =>
    at === last ? { ...(message as Body), content: filledContent(user, fieldOf(message, 'content')) } : message,
  )
}

/** The last text among the parts is what is asked; images and results of tools before it stay. */
function filledContent(template: string, content: unknown): unknown {
  if (typeof content === 'string') return filled(template, content)
  if (!Array.isArray(content)) return content
  const last = content.findLastIndex((part) => typeof fieldOf(part, 'text') === 'string')
  return content.map((part: unknown, at) =>
    at === last ? { ...(part as Body), text: filled(template, String(fieldOf(part, 'text'))) } : part,
  )
}

/** The older completions know one text only: a system prompt stands before it. */
function promptedText(text: unknown, { system, user }: Prompt): unknown {
  if (typeof text !== 'string') return text
  const own = user === null ? text : filled(user, text)
  return system === null ? own : `${system}\n\n${own}`
}

/** By splitting: a replacement text would give `$` a meaning. */
function filled(template: string, input: string): string {
  return template.split(userSlot).join(input)
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Body)[name] : undefined
}
