import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Logger } from '../platform/log/logger.ts'
import type { ControlState } from './control-state.ts'
import { sendError } from './own-answers.ts'

/** `POST` kills the candidate at this gateway, `DELETE` releases it; for callers on the same machine alone. Says what came of it. */
export function localKill(
  deps: { readonly control: ControlState; readonly log: Logger },
  request: IncomingMessage,
  response: ServerResponse,
): 'forbidden' | 'bad_method' | 'local_kill' {
  request.resume()
  const from = request.socket.remoteAddress ?? ''
  if (!['127.0.0.1', '::1', '::ffff:127.0.0.1'].includes(from)) {
    sendError(response, 403, 'the local kill answers to loopback only', 'permission_error')
    return 'forbidden'
  }
  const on = request.method === 'POST'
  if (!on && request.method !== 'DELETE') {
    sendError(response, 405, 'POST kills, DELETE releases', 'invalid_request_error')
    return 'bad_method'
  }
  deps.control.setLocalKill('hand', on)
  deps.log.warn({ on }, 'local kill')
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ localKill: on }))
  return 'local_kill'
}
