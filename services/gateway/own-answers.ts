import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/** An error of the gateway's own, in the form that clients of the OpenAI API know. */
export function sendError(
  response: ServerResponse,
  status: number,
  message: string,
  type: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(errorBody(message, type))
}

const errorBody = (message: string, type: string) =>
  JSON.stringify({ error: { message, type, param: null, code: null } })

const malformed: Readonly<Record<string, readonly [string, string]>> = {
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'the headers are larger than this gateway reads'],
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'the request did not come in time'],
}

/**
 * Answers what came so broken that there is no request to answer. `answering`: another request of the same connection is being answered, so that
 * nothing can be said; the connection just ends.
 */
export function answerMalformed(error: NodeJS.ErrnoException, socket: Duplex, answering: boolean): void {
  if (answering || error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const [status, message] = malformed[error.code ?? ''] ?? ['400 Bad Request', 'this is not HTTP that can be read']
  const body = errorBody(message, 'invalid_request_error')
  const headers = `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close`
  socket.end(`HTTP/1.1 ${status}\r\n${headers}\r\n\r\n${body}`)
}
