import { PenstockError } from '../domain/outcome/penstock-error.ts'

/** An answer that is an error, in the shape of RFC 9457 with the problems of a document where there are any. */
export class ApiProblem extends PenstockError {
  readonly status: number
  readonly problems: readonly { readonly line: number; readonly path: string; readonly message: string }[]

  constructor(status: number, code: string, message: string, problems: ApiProblem['problems'] = []) {
    super(message, { code })
    this.status = status
    this.problems = problems
  }
}
