import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { promptHash, type RecordedAnswer, type Recording } from './recordings.ts'

export type FaultKind = 'errors' | 'latency' | 'refusals'

/** A model that begins to fail: from now on for every request. */
export interface Fault {
  readonly model: string
  readonly kind: FaultKind
}

export interface ModelServer {
  readonly baseUrl: string
  /** Starts or (null) ends a fault. */
  setFault(fault: Fault | null): void
  /** Requests answered so far, by model. */
  served(): Readonly<Record<string, number>>
  stop(): Promise<void>
}

interface ChatRequest {
  readonly model: string
  readonly stream?: boolean
  readonly stream_options?: { readonly include_usage?: boolean } | null
  readonly messages: readonly { readonly role: string; readonly content: string }[]
}

/** Share of an answer's duration before its first token. Made up: the recordings have no time to first token. */
const firstTokenShare = 0.15
const slowdown = 12
const streamPieces = 8
const bodyBytesMax = 4 * 1024 * 1024
const refusalText = "I'm sorry, but I can't assist with that request."

/** An OpenAI-compatible server that answers recorded prompts with the recorded texts, as slowly as they were recorded (scaled). */
export async function startModelServer(recordings: readonly Recording[], port = 0): Promise<ModelServer> {
  const byPrompt = new Map(recordings.map((recording) => [promptHash(recording.prompt), recording]))
  const served: Record<string, number> = {}
  let fault: Fault | null = null

  const server = createServer((request, response) => {
    void answer(request, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy()
      else sendError(response, 400, error instanceof Error ? error.message : 'bad request', 'invalid_request_error')
    })
  })

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'POST' || request.url !== '/v1/chat/completions') {
      sendError(response, 404, `no such path: ${request.url ?? ''}`, 'invalid_request_error')
      return
    }
    const chat = JSON.parse(await readBody(request)) as ChatRequest
    served[chat.model] = (served[chat.model] ?? 0) + 1
    const active = fault?.model === chat.model ? fault.kind : null
    if (active === 'errors') {
      await sleep(5)
      sendError(response, 500, 'the model crashed', 'server_error')
      return
    }
    const prompt = chat.messages.findLast((message) => message.role === 'user')?.content ?? ''
    const recorded = byPrompt.get(promptHash(prompt))?.answers.get(chat.model)
    if (recorded === undefined) {
      sendError(response, 404, `no recorded answer of ${chat.model} for this prompt`, 'not_found_error')
      return
    }
    const spoken: RecordedAnswer =
      active === 'refusals'
        ? { text: refusalText, outputTokens: 11, durationMs: Math.min(recorded.durationMs, 20) }
        : { ...recorded, durationMs: recorded.durationMs * (active === 'latency' ? slowdown : 1) }
    if (chat.stream === true) await stream(response, chat, spoken)
    else await whole(response, chat, spoken, prompt)
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    setFault: (next) => {
      fault = next
    },
    served: () => ({ ...served }),
    stop: () => closeServer(server),
  }
}

async function whole(
  response: ServerResponse,
  chat: ChatRequest,
  spoken: RecordedAnswer,
  prompt: string,
): Promise<void> {
  await sleep(spoken.durationMs)
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(
    JSON.stringify({
      id: 'chatcmpl-replay',
      object: 'chat.completion',
      created: 0,
      model: chat.model,
      choices: [
        { index: 0, message: { role: 'assistant', content: spoken.text, refusal: null }, finish_reason: 'stop' },
      ],
      usage: usageOf(prompt, spoken),
    }),
  )
}

async function stream(response: ServerResponse, chat: ChatRequest, spoken: RecordedAnswer): Promise<void> {
  const chunk = (delta: object, finish: string | null) =>
    `data: ${JSON.stringify({
      id: 'chatcmpl-replay',
      object: 'chat.completion.chunk',
      created: 0,
      model: chat.model,
      choices: [{ index: 0, delta, finish_reason: finish }],
    })}\n\n`
  await sleep(spoken.durationMs * firstTokenShare)
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const size = Math.max(1, Math.ceil(spoken.text.length / streamPieces))
  for (let from = 0; from < spoken.text.length && !response.destroyed; from += size) {
    response.write(
      chunk(
        from === 0
          ? { role: 'assistant', content: spoken.text.slice(0, size) }
          : { content: spoken.text.slice(from, from + size) },
        null,
      ),
    )
    await sleep((spoken.durationMs * (1 - firstTokenShare)) / streamPieces)
  }
  response.write(chunk({}, 'stop'))
  if (chat.stream_options?.include_usage === true) {
    const usage = usageOf('', spoken)
    response.write(
      `data: ${JSON.stringify({ id: 'chatcmpl-replay', object: 'chat.completion.chunk', created: 0, model: chat.model, choices: [], usage })}\n\n`,
    )
  }
  response.end('data: [DONE]\n\n')
}

/** Prompt tokens are estimated at four characters each: the recordings count answers only. */
function usageOf(prompt: string, spoken: RecordedAnswer): object {
  const promptTokens = Math.ceil(prompt.length / 4)
  return {
    prompt_tokens: promptTokens,
    completion_tokens: spoken.outputTokens,
    total_tokens: promptTokens + spoken.outputTokens,
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > bodyBytesMax) throw new Error(`body above ${bodyBytesMax} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function sendError(response: ServerResponse, status: number, message: string, type: string): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ error: { message, type, param: null, code: null } }))
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
