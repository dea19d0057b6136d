import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PenstockError } from '../domain/outcome/penstock-error.ts'

/** Where the API is and who asks. */
export interface CliConfig {
  readonly url: string
  readonly token: string
  /** Where both were found, for messages. */
  readonly source: string
}

/** No installation can be found, or what points to one is broken; says what to do. */
export class NoInstallationError extends PenstockError {
  constructor(message: string) {
    super(message, { code: 'NO_INSTALLATION' })
  }
}

/** PENSTOCK_URL and PENSTOCK_TOKEN, else the file that `npm start` leaves. Throws NoInstallationError. */
export function loadCliConfig(env: Readonly<Record<string, string | undefined>> = process.env): CliConfig {
  const { PENSTOCK_URL: url, PENSTOCK_TOKEN: token, PENSTOCK_CLI_FILE: file } = env
  if (url !== undefined && token !== undefined) return checked(url, token, 'PENSTOCK_URL')
  if (url !== undefined || token !== undefined) {
    const [set, missing] = url === undefined ? ['PENSTOCK_TOKEN', 'PENSTOCK_URL'] : ['PENSTOCK_URL', 'PENSTOCK_TOKEN']
    throw new NoInstallationError(`${set} is set and ${missing} is not: set both, or none to use a local installation`)
  }
  return fromFile(file ?? join('.penstock', 'cli.json'))
}

function fromFile(path: string): CliConfig {
  let content: unknown
  try {
    content = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      throw new NoInstallationError(
        `no installation found: ${path} is not there. Start one with \`npm start\` and call from its folder, or set PENSTOCK_URL and PENSTOCK_TOKEN (a file elsewhere: PENSTOCK_CLI_FILE)`,
      )
    throw new NoInstallationError(`${path} cannot be used (${(error as Error).message}); \`npm start\` writes it anew`)
  }
  const { url, token } = (content ?? {}) as { readonly url?: unknown; readonly token?: unknown }
  if (typeof url !== 'string' || typeof token !== 'string')
    throw new NoInstallationError(`${path} names no url and token; \`npm start\` writes it anew`)
  return checked(url, token, path)
}

function checked(url: string, token: string, source: string): CliConfig {
  if (!/^https?:\/\//.test(url) || !URL.canParse(url))
    throw new NoInstallationError(`${source}: ${url} is no address; write it like http://127.0.0.1:8090`)
  if (!/^[\x21-\x7e]+$/.test(token))
    throw new NoInstallationError(`the token that goes with ${source} is empty or has spaces`)
  return { url: url.replace(/\/+$/, ''), token, source }
}
