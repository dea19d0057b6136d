import type { Logger } from '../../services/platform/log/logger.ts'

/** A log that says nothing, for parts whose messages are not what a test is about. */
export const silentLog: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLog,
}
