import type { Api } from '../api/api-types.ts'
import { codeVersion } from '../domain/gate/code-version.ts'
import { ApiError, callApi } from './api-client.ts'
import type { CliConfig } from './config.ts'
import { type ExitCode, exitCodes } from './exit-codes.ts'
import { type Session, show } from './session.ts'

type Check = Api['Check']

/** Above the ten seconds that the API takes at most. */
const withinMs = 15_000
/** Above this it is no network any more. */
const clockToleratedMs = 2_000
const clockFix = 'ages and times in answers are off by that much: keep time by NTP on both'

/** What the API sees of the installation, after what can be seen from here: whether it answers, whose version it is, its clock, the token. */
export async function doctor(session: Session): Promise<ExitCode> {
  const config = session.config()
  const checks = await lookFrom(session, config)
  const failing = checks.filter(({ state }) => state === 'fail').length
  const warnings = checks.filter(({ state }) => state === 'warn').length
  show(session, { url: config.url, version: codeVersion, failing, warnings, checks }, () =>
    [...checks.map(line), summary(failing, warnings)].join('\n'),
  )
  return failing > 0 ? exitCodes.no : exitCodes.done
}

async function lookFrom(session: Session, config: CliConfig): Promise<readonly Check[]> {
  const askedAtMs = session.nowMs()
  try {
    const report = await callApi<Api['DoctorReport']>(config, '/v1/doctor', undefined, withinMs)
    return [judgeApi(config, report.version), judgeClock(askedAtMs, report.at, session.nowMs()), ...report.checks]
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    return [{ part: 'api', state: 'fail', what: error.message, fix: fixOf(error) }]
  }
}

function judgeApi(config: CliConfig, version: string): Check {
  const what = `${config.url} answers, version ${version}`
  return version === codeVersion
    ? { part: 'api', state: 'ok', what, fix: null }
    : { part: 'api', state: 'warn', what: `${what}; this command is ${codeVersion}`, fix: 'use one version of both' }
}

/** The report was made at some moment between asking and hearing: only what lies outside is a difference. */
function judgeClock(askedAtMs: number, apiMs: number, heardAtMs: number): Check {
  const aheadMs = apiMs > heardAtMs ? apiMs - heardAtMs : Math.min(0, apiMs - askedAtMs)
  if (Math.abs(aheadMs) <= clockToleratedMs)
    return { part: 'clocks', state: 'ok', what: 'this host and the API agree', fix: null }
  const what = `the clock of the API is ${Math.round(Math.abs(aheadMs) / 1_000)} s ${aheadMs > 0 ? 'ahead of' : 'behind'} this one`
  return { part: 'clocks', state: 'warn', what, fix: clockFix }
}

function fixOf(error: ApiError): string {
  switch (error.code) {
    case 'API_AWAY':
      return 'start the API, or look at its log for why it ended; nothing else can be seen from here: traffic, gates and rollbacks go on without it, each service tells of itself at /readyz and /metrics of its PENSTOCK_ADMIN_PORT'
    case 'UNAUTHENTICATED':
    case 'FORBIDDEN':
      return 'set PENSTOCK_TOKEN to a token whose SHA-256 stands in the tokens file of the API'
    case 'NOT_THE_API':
      return 'set PENSTOCK_URL to the address of the API (PENSTOCK_API_PORT, 8090 by default)'
    case 'NO_OPERATION':
      return `this API is older than the command (${codeVersion}): upgrade it`
    default:
      return 'look at the log of the API'
  }
}

const partWidth = 13

function line({ part, state, what, fix }: Check): string {
  return `${(state === 'fail' ? 'FAIL' : state).padEnd(5)} ${part.padEnd(partWidth)} ${what}${fix === null ? '' : ` -> ${fix}`}`
}

function summary(failing: number, warnings: number): string {
  if (failing === 0 && warnings === 0) return '\nall is well'
  return `\n${failing} failing, ${warnings} to look at`
}
