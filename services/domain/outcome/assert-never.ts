import { PenstockError } from './penstock-error.ts'

/** Thrown when a value outside a closed union arrives; it usually means that a newer producer speaks to an older consumer. */
class UnreachableValueError extends PenstockError {
  constructor(value: unknown, what: string) {
    super(`unknown ${what}: ${JSON.stringify(value)}`, { code: 'UNREACHABLE_VALUE' })
  }
}

/** Ends an exhaustive switch: does not compile while a case is missing, throws if an unknown value arrives at run time. */
export function assertNever(value: never, what: string): never {
  throw new UnreachableValueError(value, what)
}
