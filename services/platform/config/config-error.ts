import { PenstockError } from '../../domain/outcome/penstock-error.ts'

/** Thrown when the environment or a file that it names does not fit; lists everything that is wrong, with the fix. Exit code 2. */
export class ConfigError extends PenstockError {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(`configuration:\n${problems.map((problem) => `  ${problem}`).join('\n')}`, { code: 'CONFIG' })
    this.problems = problems
  }
}
