import { type Command, InvalidArgumentError } from 'commander'
import {
  apply,
  command,
  type ExitCode,
  explain,
  get,
  lint,
  type Output,
  pairs,
  routeCommand,
  wait,
} from './commands.ts'
import type { CliConfig } from './config.ts'
import { declareStats } from './stats-commands.ts'

type WithApi = (act: (config: CliConfig) => Promise<ExitCode>) => Promise<void>

const verbs = [
  ['promote', 'go to the next stage without a passing verdict: outside the error budget'],
  ['hold', 'stop advancing; guardrails stay armed'],
  ['resume', 'go on after a hold'],
  ['rollback', 'take the candidate back at once'],
  ['approve', 'go on after a review'],
  ['reject', 'roll back after a review'],
] as const

/** All commands with their options. */
export function declareCommands(
  program: Command,
  output: Output,
  withApi: WithApi,
  done: (code: ExitCode) => void,
): void {
  program
    .command('lint <file>')
    .description('check a rollout file and print its plan')
    .action((file: string) => done(lint(file, output)))
  program
    .command('apply <file>')
    .description('start a rollout; an identical one that runs is left as it is')
    .option('--reason <text>', 'why, for the record')
    .action((file: string, options: { reason?: string }) =>
      withApi((config) => apply(config, file, options.reason, output)),
    )
  program
    .command('get [run]')
    .description('show one run (id, name or `latest`) or all')
    .option('-w, --watch', 'until it is over')
    .action((id: string | undefined, options: { watch?: boolean }) =>
      withApi((config) => get(config, id, options.watch === true, output)),
    )
  program
    .command('status <run>')
    .description('status; with --wait until it is over or needs a person')
    .option('--wait', 'wait')
    .option('--timeout <seconds>', 'give up waiting after this', seconds, 86_400)
    .action((id: string, options: { wait?: boolean; timeout: number }) =>
      withApi((config) =>
        options.wait === true ? wait(config, id, options.timeout, output) : get(config, id, false, output),
      ),
    )
  for (const [kind, description] of verbs) {
    const verb = program
      .command(`${kind} <run>`)
      .description(description)
      .requiredOption('--reason <text>', 'why, for the record')
    if (kind === 'promote') verb.option('--full', 'to 100 % at once')
    verb.action((id: string, options: { reason: string; full?: boolean }) =>
      withApi((config) => command(config, id, kind, options, output)),
    )
  }
  declareBrakes(program, output, withApi)
  declareReads(program, output, withApi)
  declareStats(program, output, done)
}

function declareBrakes(program: Command, output: Output, withApi: WithApi): void {
  program
    .command('kill <route>')
    .description('the candidate of a route gets nothing, whatever else is said, until released')
    .requiredOption('--reason <text>', 'why, for the record')
    .action((route: string, options: { reason: string }) =>
      withApi((config) => routeCommand(config, route, 'kill', options.reason, output)),
    )
  program
    .command('release <what>')
    .description('release the kills of a route, or with --latch the latch of a run')
    .requiredOption('--reason <text>', 'why, for the record')
    .option('--latch [id]', '<what> is a run; its open latch, or the one named')
    .action((what: string, options: { reason: string; latch?: string | true }) =>
      withApi((config) =>
        options.latch === undefined
          ? routeCommand(config, what, 'release', options.reason, output)
          : command(
              config,
              what,
              'release',
              { reason: options.reason, ...(options.latch === true ? {} : { latch: options.latch }) },
              output,
            ),
      ),
    )
}

function declareReads(program: Command, output: Output, withApi: WithApi): void {
  program
    .command('explain <run>')
    .description('why it stands where it stands')
    .action((id: string) => withApi((config) => explain(config, id, output)))
  program
    .command('pairs <run>')
    .description('answers of baseline and candidate side by side')
    .option('--worse <metric>', 'only where the candidate is worse on it')
    .option('--limit <n>', 'how many', '20')
    .action((id: string, options: { worse?: string; limit?: string }) =>
      withApi((config) => pairs(config, id, options, output)),
    )
}

function seconds(text: string): number {
  const value = Number(text)
  if (!(value > 0)) throw new InvalidArgumentError('must be a number of seconds above 0')
  return value
}
