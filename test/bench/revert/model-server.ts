import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { uniforms } from '../../simulation/draws.ts'
import { nowMs } from '../support/now.ts'

/** errors: 500 at once. slow: right, and late. truncated: the connection breaks in the middle of the answer. wrong: at once, and not what is expected. refusals: at once, and not what was asked for. */
export type FaultKind = 'errors' | 'slow' | 'truncated' | 'wrong' | 'refusals'

export interface Fault {
  readonly kind: FaultKind
  /** Of the model's requests, from 0 to 1. */
  readonly share: number
}

/** One request that reached a model. */
export interface Arrival {
  readonly model: string
  /** Who asked; null: a shadow call. */
  readonly user: string | null
  readonly atMs: number
  readonly faulty: boolean
}

export interface BenchModel {
  readonly baseUrl: string
  setFault(model: string, fault: Fault | null): void
  stop(): Promise<void>
}

/** Carries who asks past the gateway. It sounds like a credential, so it is not captured, and a shadow call is known by not having it. */
export const userHeader = 'x-bench-token'

export const answerMs = 30
export const slowAnswerMs = 1_500
const errorMs = 5
const seed = 20

/** What is asked and what is right, by number. */
export const questionOf = (number: number) => `question ${number}`
export const answerTo = (question: string) => question.replace('question', 'answer')

/** Most providers refuse in words alone. */
const badTexts: Readonly<Record<string, string>> = {
  wrong: 'something else',
  refusals: "I'm sorry, but I can't help with that.",
}

/** An OpenAI-compatible server on loopback with as many models as are asked for. */
export async function startBenchModel(onArrival: (arrival: Arrival) => void): Promise<BenchModel> {
  const faults = new Map<string, Fault>()
  const uniform = uniforms(seed)
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy())
  })
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const atMs = nowMs()
    const chunks: Buffer[] = []
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
    const { model, messages } = JSON.parse(Buffer.concat(chunks).toString('utf8')) as {
      readonly model: string
      readonly messages: readonly { readonly content: string }[]
    }
    const fault = faults.get(model)
    const kind = fault !== undefined && uniform() < fault.share ? fault.kind : null
    const user = request.headers[userHeader]
    onArrival({ model, user: typeof user === 'string' ? user : null, atMs, faulty: kind !== null })
    await delay(kind === 'errors' ? errorMs : kind === 'slow' ? slowAnswerMs : answerMs)
    if (kind === 'errors') return send(response, 500, { error: { message: 'the model crashed', type: 'server_error' } })
    const text = badTexts[kind ?? ''] ?? answerTo(messages.at(-1)?.content ?? '')
    if (kind === 'truncated') return breakOff(response, completion(model, text))
    send(response, 200, completion(model, text))
  }
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    setFault(model, fault) {
      if (fault === null) faults.delete(model)
      else faults.set(model, fault)
    },
    stop: () => close(server),
  }
}

function completion(model: string, text: string): object {
  return {
    id: 'chatcmpl-bench',
    object: 'chat.completion',
    created: 0,
    model,
    choices: [{ index: 0, message: { role: 'assistant', content: text, refusal: null }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 4, completion_tokens: 4, total_tokens: 8 },
  }
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

function breakOff(response: ServerResponse, body: object): void {
  const text = JSON.stringify(body)
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': text.length })
  response.write(text.slice(0, text.length / 2), () => response.destroy())
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
