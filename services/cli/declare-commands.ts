import { type Command, InvalidArgumentError, Option } from 'commander'
import { declareBacktest } from './backtest-commands.ts'
import { doctor } from './doctor-command.ts'
import { type PlanOptions, planCommand } from './plan-command.ts'
import { explain, get, pairs, type WaitOptions, wait } from './read-commands.ts'
import { declareReplay } from './replay-commands.ts'
import type { Act } from './session.ts'
import { declareStats } from './stats-commands.ts'
import { apply, command, kill, lint, release } from './write-commands.ts'

const runHelp = '<run> is the id of a run, the name of its rollout, or `latest`.'
const waitSecondsDefault = 86_400

interface Verb {
  readonly kind: 'promote' | 'hold' | 'resume' | 'rollback' | 'approve' | 'reject'
  readonly description: string
  readonly example: string
}

const verbs: readonly Verb[] = [
  {
    kind: 'promote',
    description: 'go to the next stage without a passing verdict: outside the error budget, and labelled so',
    example: 'penstock promote support-prompt --reason "hotfix, risk accepted by the team"',
  },
  {
    kind: 'hold',
    description: 'stop advancing; weights stay and guardrails stay armed',
    example: 'penstock hold latest --reason "incident elsewhere, no changes now"',
  },
  {
    kind: 'resume',
    description: 'go on after a hold, a kill or a released latch',
    example: 'penstock resume latest --reason "incident over"',
  },
  {
    kind: 'rollback',
    description: 'take the candidate back at once; writes a latch first and waits for no controller',
    example: 'penstock rollback support-prompt --reason "customers complain"',
  },
  {
    kind: 'approve',
    description: 'go on after a review, or into a stage that asks for approval',
    example: 'penstock approve latest --reason "read 30 of the deciding pairs"',
  },
  {
    kind: 'reject',
    description: 'roll back after a review',
    example: 'penstock reject latest --reason "the longer answers are worse"',
  },
]

/** All commands with their options. */
export function declareCommands(program: Command, act: Act): void {
  declareFiles(program, act)
  declareStatus(program, act)
  declareDetails(program, act)
  for (const { kind, description, example } of verbs) {
    const verb = withReason(program.command(`${kind} <run>`)).description(description)
    withHelp(verb, runHelp, kind === 'promote' ? [example, `${example} --full`] : [example])
    if (kind === 'promote') verb.option('--full', 'all waves to 100 % at once (needs the role admin)')
    if (kind === 'promote' || kind === 'approve')
      verb.option('--wave <id>', 'which wave; has to be named while several are active')
    verb.action((id: string, { reason, full, wave }: { reason: string; full?: boolean; wave?: string }) => {
      const given = { ...(full === undefined ? {} : { full }), ...(wave === undefined ? {} : { wave }) }
      return act((session) => command(session, id, { kind, reason, ...given }))
    })
  }
  declareBrakes(program, act)
  declareDoctor(program, act)
  declareReplay(program, act)
  declareBacktest(program, act)
  declareStats(program, act)
}

function withReason(verb: Command): Command {
  return verb.requiredOption('--reason <text>', 'why; kept with the decision')
}

/** Each command shows how it is called: examples are what people copy. */
function withHelp(verb: Command, note: string, examples: readonly string[]): Command {
  const lines = examples.map((example) => `  ${example}`)
  return verb.addHelpText('after', `\n${[...(note === '' ? [] : [note, '']), 'Examples:', ...lines].join('\n')}`)
}

function declareFiles(program: Command, act: Act): void {
  const linting = program
    .command('lint <file>')
    .description('check a rollout file and print its plan; needs no server')
    .action((file: string) => act((session) => lint(session, file)))
  withHelp(
    linting,
    'Every problem is named as file:line: field: what is wrong; the fix. Exit code 1 when there is one.',
    ['penstock lint rollout.yaml', 'penstock --json lint rollout.yaml'],
  )
  const planning = program
    .command('plan <file>')
    .description(
      'how long a rollout takes, what it costs and what it can find, from a traffic profile; needs no server',
    )
    .requiredOption('--traffic <csv>', 'hour,requests[,units][,golden][,input_tokens,output_tokens][,key=value…]')
    .option('--start <time>', 'when it starts, as 2026-03-02T09:00Z (UTC); default: now')
    .option('--svg <file>', 'write a picture of power against days')
    .action((file: string, options: PlanOptions) => act((session) => planCommand(session, file, options)))
  withHelp(
    planning,
    'One row for each hour of a day (0 to 23) or of a week (0 to 167, from Monday 00:00), UTC. Exit code 1 when the plan cannot be kept; it then says what would make it possible.',
    [
      'penstock plan rollout.yaml --traffic week.csv',
      'penstock plan rollout.yaml --traffic week.csv --start 2026-03-02T09:00Z --svg power.svg',
    ],
  )
  const applying = program
    .command('apply <file>')
    .description('start a rollout; one that runs exactly so already is left as it is')
    .option('--reason <text>', 'why; kept with the decision')
    .action((file: string, { reason }: { reason?: string }) => act((session) => apply(session, file, reason)))
  withHelp(applying, 'Checks the file as `lint` does, then prints what it asks for: pairs per stage, time and cost.', [
    'penstock apply rollout.yaml',
    'penstock apply rollout.yaml --reason "TICKET-12: shorter answers"',
  ])
}

function declareStatus(program: Command, act: Act): void {
  const getting = program
    .command('get [run]')
    .description('show one run, or all in a table')
    .option('-w, --watch', 'print it again whenever something has changed, until it is over')
    .action((id: string | undefined, { watch }: { watch?: boolean }) =>
      act((session) => get(session, id, watch === true)),
    )
  withHelp(getting, runHelp, ['penstock get', 'penstock get -w latest', 'penstock --json get support-prompt'])
  const waiting = program
    .command('status <run>')
    .description('show one run; with --wait once it is over or needs a person')
    .option('--wait', 'wait, and end with 0 completed or advanced, 1 rolled back, 3 needs a person, 4 time over')
    .addOption(
      new Option('--until <what>', 'what to wait for: the end, or also the next stage')
        .choices(['end', 'stage'])
        .default('end'),
    )
    .option('--timeout <seconds>', 'give up waiting after this', seconds, waitSecondsDefault)
    .action((id: string, options: { wait?: boolean; until: WaitOptions['until']; timeout: number }) =>
      act((session) =>
        options.wait === true
          ? wait(session, id, { timeoutS: options.timeout, until: options.until })
          : get(session, id, false),
      ),
    )
  withHelp(waiting, runHelp, [
    'penstock status latest',
    'penstock status support-prompt --wait --timeout 3600',
    'penstock status support-prompt --wait --until stage',
  ])
}

function declareDetails(program: Command, act: Act): void {
  const explaining = program
    .command('explain <run>')
    .description(
      'why it stands where it stands: the deciding reason, what next, the numbers of the gate, then how it came about',
    )
    .action((id: string) => act((session) => explain(session, id)))
  withHelp(explaining, runHelp, ['penstock explain latest', 'penstock --json explain support-prompt'])
  const pairing = program
    .command('pairs <run>')
    .description('answers of baseline and candidate to the same request, redacted')
    .option('--worse <metric>', 'only where the candidate is worse on it')
    .option('--limit <n>', 'how many, at most 1000', '20')
    .action((id: string, options: { worse?: string; limit: string }) => act((session) => pairs(session, id, options)))
  withHelp(pairing, `${runHelp} The one command that needs the store.`, [
    'penstock pairs latest --limit 5',
    'penstock pairs support-prompt --worse refusal',
  ])
}

function declareBrakes(program: Command, act: Act): void {
  const killing = withReason(program.command('kill <route>'))
    .description("the candidate of a route (of every route: '*') gets nothing, whatever else is said, until released")
    .action((route: string, { reason }: { reason: string }) => act((session) => kill(session, route, reason)))
  withHelp(killing, '', [
    'penstock kill support --reason "provider outage"',
    'penstock kill \'*\' --reason "stop everything new"',
  ])
  const releasing = withReason(program.command('release <what>'))
    .description('end the kills of a route, or with --latch the latch of a run')
    .option('--kill <id>', 'only this kill of the route')
    .addOption(
      new Option('--latch [id]', '<what> is a run: release its open latch, or the one named').conflicts('kill'),
    )
    .action((what: string, options: { reason: string; kill?: string; latch?: string | true }) =>
      act((session) => {
        const { latch, ...rest } = options
        if (latch === undefined) return release(session, what, rest)
        const named = latch === true ? {} : { latch }
        return command(session, what, { kind: 'release', reason: options.reason, ...named })
      }),
    )
  withHelp(releasing, 'A released run stays at 0 until `penstock resume`.', [
    'penstock release support --reason "provider is back"',
    'penstock release latest --latch --reason "false alarm: the client retried"',
  ])
}

function declareDoctor(program: Command, act: Act): void {
  const looking = program
    .command('doctor')
    .description('look at the whole installation: one line for each part, and for what is wrong what to do')
    .action(() => act((session) => doctor(session)))
  withHelp(
    looking,
    'Ends with 0 when nothing fails (warnings are no failure), with 1 when something does. Changes nothing and never waits for long.',
    ['penstock doctor', 'penstock --json doctor'],
  )
}

function seconds(text: string): number {
  const value = Number(text)
  if (!(value > 0) || !Number.isFinite(value)) throw new InvalidArgumentError('must be a number of seconds above 0')
  return value
}
