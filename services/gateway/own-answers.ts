import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/** Kinds of error, as OpenAI's API names them. */
type ErrorType = 'invalid_request_error' | 'authentication_error' | 'permission_error' | 'server_error'

/** An error of the gateway's own, in the form that the caller's client knows: Anthropic's for who names a version of its API, else OpenAI's. */
export function sendError(
  response: ServerResponse,
  status: number,
  message: string,
  type: ErrorType,
  headers: Readonly<Record<string, string>> = {},
): void {
  const body =
    'anthropic-version' in response.req.headers ? anthropicError(status, message, type) : openaiError(message, type)
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body)
}

function openaiError(message: string, type: ErrorType): string {
  return JSON.stringify({ error: { message, type, param: null, code: null } })
}

const anthropicTypes: Readonly<Record<number, string>> = {
  404: 'not_found_error',
  413: 'request_too_large',
  503: 'overloaded_error',
  504: 'timeout_error',
}

function anthropicError(status: number, message: string, type: ErrorType): string {
  const named = anthropicTypes[status] ?? (type === 'server_error' ? 'api_error' : type)
  return JSON.stringify({ type: 'error', error: { type: named, message } })
}

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
  const body = openaiError(message, 'invalid_request_error')
  const headers = `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close`
  socket.end(`HTTP/1.1 ${status}\r\n${headers}\r\n\r\n${body}`)
}
