import type { CliConfig } from './config.ts'
import type { ExitCode } from './exit-codes.ts'

/** What a command works with: where it speaks, the API it asks, and time. */
export interface Session {
  readonly json: boolean
  /** To standard output: answers. */
  print(text: string): void
  /** To standard error: everything else. */
  note(text: string): void
  /** Found when first needed: `lint` and `--help` need none. Throws NoInstallationError. */
  config(): CliConfig
  nowMs(): number
  sleep(ms: number): Promise<void>
}

/** Runs what a command does with the session and keeps its exit code. */
export type Act = (act: (session: Session) => ExitCode | Promise<ExitCode>) => Promise<void>

/** An answer in the form that was asked for. */
export function show(session: Session, answer: object, text: () => string): void {
  session.print(session.json ? JSON.stringify(answer) : text())
}
