import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'

/** What a call asked for, as the provider saw it. */
export interface SeenCall {
  readonly requestId: string
  readonly body: Readonly<Record<string, unknown>>
}

export interface ShadowModel {
  /** Up to and including /v1. */
  readonly url: string
  readonly seen: readonly SeenCall[]
  stop(): Promise<void>
}

const answerAfterMs = 40
const tokenEveryMs = 20

/** A provider on loopback that behaves as the last word of the prompt says: garbage, 500, hang, endless, slow, giant, torrent, long, absurd, or else answers. */
export async function startShadowModel(): Promise<ShadowModel> {
  const seen: SeenCall[] = []
  const server = createServer((request, response) => {
    void answer(request, response, seen)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    url: `http://127.0.0.1:${typeof address === 'object' ? (address?.port ?? 0) : 0}/v1`,
    seen,
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function answer(request: IncomingMessage, response: ServerResponse, seen: SeenCall[]): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const body = JSON.parse(Buffer.concat(chunks).toString('utf8')) as SeenCall['body']
  seen.push({ requestId: String(request.headers['x-request-id']), body })
  const messages = body['messages'] as readonly { readonly content: string }[]
  switch (messages.at(-1)?.content.split(' ').at(-1)) {
    case 'garbage':
      response.writeHead(200, { 'content-type': 'application/json' }).end('no {json')
      return
    case '500':
      response.writeHead(500, { 'content-type': 'application/json' }).end('{"error":{"type":"server_error"}}')
      return
    case 'hang':
      return
    case 'endless':
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      while (!response.destroyed) {
        response.write('data: {"choices":[{"index":0,"delta":{"content":"more "}}]}\n\n')
        await delay(tokenEveryMs)
      }
      return
    case 'torrent':
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.end(torrentOfMany)
      return
    case 'giant':
      return whole(response, body, { content: 'yes '.repeat(kept / 2) })
    case 'long':
      return whole(response, body, { content: 'yes '.repeat(500_000) })
    case 'absurd':
      return whole(response, body, { completionTokens: Number.MAX_SAFE_INTEGER })
    case 'slow':
      await delay(answerAfterMs * 10)
      break
    default:
      await delay(answerAfterMs)
  }
  whole(response, body, {})
}

/** What is read of one answer, in bytes. */
const kept = 8 * 1024 * 1024
const pieceOfMany = `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: 'yes '.repeat(5_000) } }] })}\n\n`
const torrentOfMany = `${pieceOfMany.repeat(kept / 10_000)}data: [DONE]\n\n`

function whole(
  response: ServerResponse,
  { model }: SeenCall['body'],
  said: { readonly content?: string; readonly completionTokens?: number },
): void {
  const { content = 'yes', completionTokens = 5 } = said
  const choice = { index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }
  const usage = { prompt_tokens: 10, completion_tokens: completionTokens }
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ model, choices: [choice], usage }))
}
