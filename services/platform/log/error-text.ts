/** Parsers quote what they could not parse, and that may be a prompt or an answer. */
const quoting: ReadonlySet<string> = new Set(['SyntaxError'])

function isQuoting(error: Error): boolean {
  return quoting.has(error.name)
}

/** What a log may say of an error: name and message, without what a parser quotes of its input. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return isQuoting(error) ? `${error.name} (its message quotes what was parsed)` : `${error.name}: ${error.message}`
}

/** The same as log fields, with code, stack and cause. */
export function describe(error: unknown): object {
  if (!(error instanceof Error)) return { message: String(error) }
  const { code } = error as { readonly code?: unknown }
  return {
    type: error.name,
    message: isQuoting(error) ? 'its message quotes what was parsed' : error.message,
    stack: framesOf(error),
    ...(code === undefined ? {} : { code }),
    ...(error.cause === undefined ? {} : { cause: describe(error.cause) }),
  }
}

/** Where it happened; the stack begins with the message, which stands on its own. */
function framesOf({ stack = '' }: Error): string {
  return stack
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .join('\n')
}
