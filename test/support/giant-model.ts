import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

export const answerBytes = 20_000_000
export const eventCount = 100_000

export interface GiantModel {
  readonly baseUrl: string
  stop(): Promise<void>
}

/** A model of which every whole answer has 20 MB and every stream 100,000 events. */
export async function startGiantModel(): Promise<GiantModel> {
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { model, stream } = JSON.parse(await text(request)) as { readonly model: string; readonly stream?: boolean }
  if (stream === true) await sendEvents(response, model)
  else response.writeHead(200, { 'content-type': 'application/json' }).end(wholeAnswer(model))
}

function wholeAnswer(model: string): string {
  const message = { role: 'assistant', content: 'long answer '.repeat(answerBytes / 12) }
  const choices = [{ index: 0, message, finish_reason: 'stop' }]
  return JSON.stringify({ id: 'giant', object: 'chat.completion', model, choices })
}

async function sendEvents(response: ServerResponse, model: string): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const event = (delta: object, finish: string | null) => {
    const choices = [{ index: 0, delta, finish_reason: finish }]
    return `data: ${JSON.stringify({ id: 'giant', object: 'chat.completion.chunk', model, choices })}\n\n`
  }
  const word = event({ content: 'word '.repeat(20) }, null)
  for (let sent = 0; sent < eventCount && !response.destroyed; sent += 1)
    if (!response.write(word)) await once(response, 'drain')
  response.end(`${event({}, 'stop')}data: [DONE]\n\n`)
}
