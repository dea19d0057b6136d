import { readFileSync } from 'node:fs'
import openapiTS, { astToString } from 'openapi-typescript'
import { parse } from 'yaml'

const source = 'schemas/openapi.yaml'
const banner = `// Generated from ${source} by \`npm run generate\`. Do not edit.\n`

/**
 * Renders the API's document as JSON, which the API checks requests against, and its schemas as types, which the API, the CLI, the console and
 * the demonstration share. Operations are not rendered: nothing here calls the API through them. Path → content.
 */
export async function generateApi(root: string): Promise<ReadonlyMap<string, string>> {
  const text = readFileSync(`${root}/${source}`, 'utf8')
  const nodes = await openapiTS(text, { immutable: true, silent: true })
  const components = nodes.filter((node) => 'name' in node && (node.name as { text?: string }).text === 'components')
  const types = astToString(components)
    .replaceAll(/^ *\/\*\* @enum \{\w+\} \*\/\n/gm, '')
    .replaceAll('* @description ', '* ')
  return new Map([
    ['schemas/openapi.json', JSON.stringify(parse(text))],
    [
      'services/api/api-types.ts',
      `${banner}\n${types}\n/** The API's schemas by name. */\nexport type Api = components['schemas']\n`.replace(
        'export interface components',
        'interface components',
      ),
    ],
  ])
}
