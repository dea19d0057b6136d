import { execFileSync } from 'node:child_process'
import { repositoryRoot } from '../../infra/native/config.ts'
import { positive, readOptions, refuse } from '../support/options.ts'
import { measure } from './gateway/measure.ts'
import { missing, peerNames } from './gateway/peers.ts'
import { stateNames } from './gateway/penstock.ts'
import { tablesOf } from './gateway/tables.ts'
import { keepResults } from './support/keep-results.ts'

/**
 * What a gateway adds to a call: ours in its states beside three others, in turns in one run. Asserts nothing: it prints, and with --write keeps the
 * numbers in README.md and gateway.json beside it.
 */
const help = `node test/bench/gateway.ts [options]
  --targets LIST   of ${[...peerNames, ...stateNames].join(',')}; default all
  --rates LIST     requests a second; default 50,100,200
  --seconds N      of each target at each rate, JSON and streams each; default 6
  --peers DIR      where the peers are installed; default .cache/bench
  --install        installs the peers that are missing, and measures nothing
  --profile DIR    writes a processor profile of each thread of the gateway with its tap on
  --write          keeps the numbers in test/bench
`
const values = readOptions(help, {
  targets: { type: 'string', default: [...peerNames, ...stateNames].join(',') },
  rates: { type: 'string', default: '50,100,200' },
  seconds: { type: 'string', default: '6' },
  peers: { type: 'string', default: '.cache/bench' },
  install: { type: 'boolean', default: false },
  profile: { type: 'string' },
  write: { type: 'boolean', default: false },
})
const targets = values.targets.split(',')
const rates = values.rates.split(',').map((rate) => positive(help, '--rates', rate))
const seconds = positive(help, '--seconds', values.seconds)
const known: readonly string[] = [...peerNames, ...stateNames]
const unknown = targets.filter((name) => !known.includes(name))
if (unknown.length > 0) refuse(help, `unknown target ${unknown.join(', ')}`)

const commands = missing(targets, values.peers)
if (values.install) {
  for (const command of commands) execFileSync('sh', ['-c', command], { cwd: repositoryRoot, stdio: 'inherit' })
} else if (commands.length > 0) {
  refuse(
    help,
    `peers are missing; run with --install first, or leave them out with --targets:\n  ${commands.join('\n  ')}`,
  )
} else {
  const run = await measure({
    targets,
    rates,
    seconds,
    peersDir: values.peers,
    profileDir: values.profile ?? null,
    command: `node test/bench/gateway.ts ${[
      ...(targets.length < known.length ? [`--targets ${values.targets}`] : []),
      `--rates ${values.rates} --seconds ${seconds}`,
      ...(values.write ? ['--write'] : []),
    ].join(' ')}`,
    onProgress: (text) => process.stderr.write(`${text}\n`),
  })
  const text = tablesOf(run)
  process.stdout.write(`${text}\n`)
  if (values.write) keepResults('gateway', run, text)
}
