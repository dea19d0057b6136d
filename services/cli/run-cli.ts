import { Command, CommanderError } from 'commander'
import { ApiError } from './api-client.ts'
import { type CliConfig, NoInstallationError } from './config.ts'
import { declareCommands } from './declare-commands.ts'
import { type ExitCode, exitCodes, exitCodesHelp } from './exit-codes.ts'
import { InputFileError } from './read-lines.ts'
import type { Session } from './session.ts'

/** The world of one call. */
export interface CliWorld {
  /** Writes to standard output or standard error as it is. */
  out(text: string): void
  err(text: string): void
  /** Throws NoInstallationError. */
  config(): CliConfig
  nowMs(): number
  sleep(ms: number): Promise<void>
}

/** Runs `penstock <args>`; errors that people can do something about are said in one line each, anything else is a bug and thrown. */
export async function runCli(args: readonly string[], world: CliWorld): Promise<ExitCode> {
  let code: ExitCode = exitCodes.done
  const program = new Command('penstock')
    .description('rollouts of LLM changes: apply, watch, decide, take back')
    .option('--json', 'answers as JSON on standard output, errors as JSON on standard error')
    .exitOverride()
    .configureOutput({ writeOut: world.out, writeErr: world.err })
    .addHelpText(
      'after',
      `\nThe API is found by PENSTOCK_URL and PENSTOCK_TOKEN, else by .penstock/cli.json, which \`npm start\` leaves.\n${exitCodesHelp}`,
    )
  const isJson = () => program.opts<{ json?: boolean }>().json === true
  declareCommands(program, async (act) => {
    code = await act(sessionOf(world, isJson()))
  })
  try {
    await program.parseAsync([...args], { from: 'user' })
    return code
  } catch (error) {
    return failed(error, world, isJson())
  }
}

function sessionOf(world: CliWorld, json: boolean): Session {
  return {
    json,
    print: (text) => world.out(`${json ? text : harmless(text)}\n`),
    note: (text) => world.err(`${harmless(text)}\n`),
    config: world.config,
    nowMs: world.nowMs,
    sleep: world.sleep,
  }
}

/** Prompts, answers and reasons are other people's data: what steers a terminal must not reach it. */
function harmless(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, (found) => (found === '\n' ? found : ' '))
}

function failed(error: unknown, world: CliWorld, json: boolean): ExitCode {
  // Commander has said already what is wrong, or has printed the help that was asked for.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage
  const say = (code: string, message: string, problems: ApiError['problems']) => {
    if (json) return world.err(`${JSON.stringify({ code, detail: message, problems })}\n`)
    const lines = problems.map(
      ({ line, path, message: text }) =>
        `  ${line === null ? '' : `line ${line}: `}${path === '' ? '' : `${path}: `}${text}`,
    )
    return world.err(`${harmless([`${code}: ${message}`, ...lines].join('\n'))}\n`)
  }
  if (error instanceof ApiError) {
    say(error.code, error.message, error.problems)
    return error.exitCode
  }
  if (!(error instanceof NoInstallationError || error instanceof InputFileError)) throw error
  say(error.code, error.message, [])
  return exitCodes.usage
}
