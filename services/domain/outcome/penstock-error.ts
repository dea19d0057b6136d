/** What every error of Penstock carries beside its message. */
export interface PenstockErrorOptions {
  /** Stable upper-case identifier, safe to alert and branch on. */
  readonly code: string
  /** Whether the same call may succeed when repeated unchanged. Unknown failures are not retriable. */
  readonly retriable?: boolean
  readonly cause?: unknown
}

/** Base class of all errors that Penstock throws on purpose; anything else that reaches the top is a bug and ends the process. */
export class PenstockError extends Error {
  readonly code: string
  readonly retriable: boolean

  constructor(message: string, options: PenstockErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = new.target.name
    this.code = options.code
    this.retriable = options.retriable ?? false
  }
}
