import { type Logger as PinoLogger, pino } from 'pino'
import type { Logger } from './logger.ts'

/** Fields that would carry a credential or a text if a caller ever passed one. */
const redacted = [
  'authorization',
  'apiKey',
  'password',
  'token',
  'body',
  'prompt',
  'output',
  '*.authorization',
  '*.apiKey',
  '*.password',
  '*.token',
  '*.body',
  '*.prompt',
  '*.output',
]

/** JSON lines on standard output. `level` as pino names them: debug, info, warn, error, silent. */
export function createPinoLogger(options: {
  readonly name: string
  readonly level: string
  readonly toStderr?: boolean
}): Logger {
  const root = pino(
    { name: options.name, level: options.level, redact: { paths: redacted, censor: '[redacted]' } },
    pino.destination({ fd: options.toStderr === true ? 2 : 1, sync: true }),
  )
  return wrap(root as unknown as PinoLogger<string>)
}

function wrap(logger: PinoLogger<string>): Logger {
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
    child: (fields) => wrap(logger.child(fields)),
  }
}
