import { type ParseArgsOptionsConfig, parseArgs } from 'node:util'

type Values<O extends ParseArgsOptionsConfig> = ReturnType<typeof parseArgs<{ options: O }>>['values']

/**
 * What the command line says. With --help the process ends here with the usage; with an option that the command does not have, or one without its value,
 * with what is wrong, the usage and exit code 2.
 */
export function readOptions<const O extends ParseArgsOptionsConfig>(usage: string, options: O): Values<O> {
  if (process.argv.includes('--help')) {
    process.stdout.write(usage)
    process.exit(0)
  }
  try {
    return parseArgs<{ options: O }>({ options }).values
  } catch (error) {
    return refuse(usage, error instanceof Error ? error.message : String(error))
  }
}

/** Ends the process with exit code 2: what it was asked for cannot be done. */
export function refuse(usage: string, problem: string): never {
  process.stderr.write(`${problem}\n\n${usage}`)
  process.exit(2)
}

/** A number above 0, or the refusal of the option. */
export function positive(usage: string, option: string, text: string): number {
  const value = Number(text)
  return value > 0 && Number.isFinite(value) ? value : refuse(usage, `${option} is a number above 0, not '${text}'`)
}
