import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * A process of its own: a model that takes the same time for every answer. JSON after 20 ms; a stream's head after 10 ms, its first event after 20 ms,
 * eleven more 4 ms apart, and its end. Tells its parent its port, and, when asked with a name, how many calls that model had.
 */
const answerAfterMs = 20
const headAfterMs = 10
const eventEveryMs = 4
const events = 12

const words = 'The answer is the same every time, so that only the way to it can differ. '
const whole = JSON.stringify({
  id: 'chatcmpl-bench',
  object: 'chat.completion',
  created: 0,
  model: 'bench',
  choices: [{ index: 0, message: { role: 'assistant', content: words.repeat(12) }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 200, completion_tokens: 180, total_tokens: 380 },
})
const piece = (delta: object, finish: string | null) =>
  `data: ${JSON.stringify({ id: 'chatcmpl-bench', object: 'chat.completion.chunk', created: 0, model: 'bench', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`
const pieces = Array.from({ length: events }, (_, index) =>
  piece(index === 0 ? { role: 'assistant', content: words } : { content: words }, null),
)
const last = `${piece({}, 'stop')}data: [DONE]\n\n`

const served: Record<string, number> = {}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const startMs = performance.now()
  const until = (ms: number) => sleep(Math.max(0, startMs + ms - performance.now()))
  const chunks: Buffer[] = []
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
  const { model, stream } = JSON.parse(Buffer.concat(chunks).toString('utf8')) as { model: string; stream?: boolean }
  served[model] = (served[model] ?? 0) + 1
  if (stream !== true) {
    await until(answerAfterMs)
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(whole) })
    response.end(whole)
    return
  }
  await until(headAfterMs)
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.flushHeaders()
  for (const [index, text] of pieces.entries()) {
    await until(answerAfterMs + index * eventEveryMs)
    response.write(text)
  }
  await until(answerAfterMs + events * eventEveryMs)
  response.end(last)
}

const server = createServer((request, response) => {
  answer(request, response).catch(() => response.destroy())
})
server.keepAliveTimeout = 120_000
// As what balances load before models has it: a connection that the kernel drops is tried again after seconds.
server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }, () =>
  process.send?.({ port: (server.address() as AddressInfo).port }),
)
process.on('message', (model: string) => process.send?.({ served: served[model] ?? 0 }))
process.on('disconnect', () => process.exit(0))
