import { createParser, type EventSourceParser } from 'eventsource-parser'
import { type Answer, createGathered, cutOff, finished, parseObject } from './answer.ts'
import { chatForm } from './chat-form.ts'
import { completionsForm } from './completions-form.ts'
import { embeddingsForm } from './embeddings-form.ts'
import type { Form } from './form.ts'
import { messagesForm } from './messages-form.ts'
import { responsesForm } from './responses-form.ts'

/** The operations of model APIs whose answers can be read: OpenAI's, and Anthropic's `messages`. */
export type AnswerForm = 'chat.completions' | 'completions' | 'embeddings' | 'responses' | 'messages'

const forms: Readonly<Record<AnswerForm, Form>> = {
  'chat.completions': chatForm,
  completions: completionsForm,
  embeddings: embeddingsForm,
  responses: responsesForm,
  messages: messagesForm,
}

/** Reads one answer chunk by chunk. Never throws for what a provider sends: garbage ends as `complete: false`. */
export interface AnswerReader {
  push(chunk: Uint8Array, atMs: number): void
  end(atMs: number): Answer
}

const defaultTextBytesMax = 8 * 1024 * 1024

/** `streamed` by the response's content type (`text/event-stream`), not by what was asked for. */
export function createAnswerReader(options: {
  readonly form: AnswerForm
  readonly streamed: boolean
  readonly textBytesMax?: number
}): AnswerReader {
  const textBytesMax = options.textBytesMax ?? defaultTextBytesMax
  const form = forms[options.form]
  return options.streamed ? createStreamReader(form, textBytesMax) : createBodyReader(form, textBytesMax)
}

function createBodyReader(form: Form, bytesMax: number): AnswerReader {
  const chunks: Uint8Array[] = []
  let bytes = 0
  return {
    push(chunk) {
      bytes += chunk.length
      if (bytes <= bytesMax) chunks.push(Uint8Array.from(chunk))
    },
    end(atMs) {
      const gathered = createGathered(bytesMax)
      const body = bytes > bytesMax ? null : parseObject(Buffer.concat(chunks).toString('utf8'))
      if (bytes > bytesMax) cutOff(gathered)
      if (body !== null) {
        form.body(gathered, body, atMs)
        gathered.complete = true
      }
      return finished(gathered)
    },
  }
}

function createStreamReader(form: Form, textBytesMax: number): AnswerReader {
  const gathered = createGathered(textBytesMax)
  const decoder = new TextDecoder('utf-8')
  let nowMs = 0
  let lastNumber = -1
  const parser: EventSourceParser = createParser({
    maxBufferSize: textBytesMax,
    onEvent: ({ data }) => {
      if (data === '[DONE]') {
        gathered.complete = true
        return
      }
      const event = parseObject(data)
      if (event === null) {
        gathered.irregular.add('garbled')
        return
      }
      const number = event['sequence_number']
      if (typeof number === 'number') {
        if (number < lastNumber) gathered.irregular.add('reordered')
        lastNumber = Math.max(lastNumber, number)
      }
      form.event(gathered, event, nowMs)
    },
  })
  const feed = (text: string) => {
    try {
      parser.feed(text)
    } catch {
      // A single event above the buffer limit ends the parser; what came before still counts.
      cutOff(gathered)
    }
  }
  return {
    push(chunk, atMs) {
      nowMs = atMs
      feed(decoder.decode(chunk, { stream: true }))
    },
    end(atMs) {
      nowMs = atMs
      feed(decoder.decode())
      if (gathered.finishReason !== null) gathered.complete = true
      return finished(gathered)
    },
  }
}
