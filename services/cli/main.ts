#!/usr/bin/env node
import { Command, CommanderError } from 'commander'
import { ApiError } from './api-client.ts'
import type { ExitCode, Output } from './commands.ts'
import { type CliConfig, loadCliConfig } from './config.ts'
import { declareCommands } from './declare-commands.ts'

process.exitCode = await run(process.argv)

async function run(argv: readonly string[]): Promise<number> {
  let code: ExitCode = 0
  const program = new Command('penstock')
    .description('rollouts of LLM changes: apply, watch, decide, take back')
    .option('--json', 'machine-readable output')
    .exitOverride()
    .addHelpText(
      'after',
      '\nThe API is found by PENSTOCK_URL and PENSTOCK_TOKEN, else by the file that `npm start` leaves.\nExit codes: 0 done, 1 failed or rolled back, 2 usage, 3 held or waiting for a person.',
    )
  const output: Output = {
    print: (text) => void process.stdout.write(`${text}\n`),
    fail: (text) => void process.stderr.write(`${text}\n`),
    get json() {
      return program.opts<{ json?: boolean }>().json === true
    },
  }
  const withApi = async (act: (config: CliConfig) => Promise<ExitCode>) => {
    const config = loadCliConfig()
    if (config === null) {
      output.fail('no installation found: set PENSTOCK_URL and PENSTOCK_TOKEN, or run `npm start`')
      code = 2
    } else code = await act(config)
  }
  declareCommands(program, output, withApi, (linted) => {
    code = linted
  })
  try {
    await program.parseAsync([...argv])
    return code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    if (!(error instanceof ApiError)) throw error
    output.fail(`${error.code}: ${error.message}`)
    for (const problem of error.problems)
      output.fail(`  line ${problem.line}: ${problem.path === '' ? '' : `${problem.path}: `}${problem.message}`)
    return 1
  }
}
