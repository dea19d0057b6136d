/** What the shell is told. CI tells "rolled back" from "could not ask" by these. */
export const exitCodes = {
  /** Done; with `status --wait`: advanced or completed. */
  done: 0,
  /** No: the file has problems, the command was refused; with `status --wait`: rolled back or aborted. */
  no: 1,
  /** The call was wrong: arguments, an unknown run or route, no installation, a token or role that does not suffice. */
  usage: 2,
  /** `status --wait` alone: held, or waiting for a person. */
  held: 3,
  /** `status --wait` alone: the time was over and the run goes on. */
  timedOut: 4,
  /** The API, or something behind it, did not answer. */
  unavailable: 5,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

export const exitCodesHelp = `Exit codes:
  0  done; status --wait: completed or advanced
  1  no: the file or the command was refused; status --wait: rolled back or aborted
  2  the call was wrong: arguments, unknown run or route, no installation, token or role
  3  status --wait: held, or waiting for a person
  4  status --wait: the time was over
  5  the API, or what stands behind it, did not answer`
