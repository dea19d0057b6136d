/** Structured log: an object of fields, then a constant message. Never texts of prompts or answers, never credentials. */
export interface Logger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
  child(fields: object): Logger
}
