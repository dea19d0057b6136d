import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Where the API is and who asks. */
export interface CliConfig {
  readonly url: string
  readonly token: string
}

/** PENSTOCK_URL and PENSTOCK_TOKEN, else the file that `npm start` leaves; null when there is neither. */
export function loadCliConfig(): CliConfig | null {
  const url = process.env['PENSTOCK_URL']
  const token = process.env['PENSTOCK_TOKEN']
  if (url !== undefined && token !== undefined) return { url: url.replace(/\/$/, ''), token }
  const path = process.env['PENSTOCK_CLI_FILE'] ?? join('.penstock', 'cli.json')
  if (!existsSync(path)) return null
  const { url: kept, token: keptToken } = JSON.parse(readFileSync(path, 'utf8')) as Partial<CliConfig>
  return kept === undefined || keptToken === undefined ? null : { url: kept, token: keptToken }
}
