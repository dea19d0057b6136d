import { readFileSync } from 'node:fs'
import openapiTS, { astToString } from 'openapi-typescript'
import ts from 'typescript'
import { parse } from 'yaml'

const source = 'schemas/openapi.yaml'
const banner = `// Generated from ${source} by \`npm run generate\`. Do not edit.\n`
/** The largest answer: it and what it is made of are types of a file of their own. */
const answer = 'Verdict'

/**
 * Renders the API's document as JSON, which the API checks requests against, and its schemas as types, which the API, the CLI, the console and
 * the demonstration share. Operations are not rendered: nothing here calls the API through them. Path → content.
 */
export async function generateApi(root: string): Promise<ReadonlyMap<string, string>> {
  const text = readFileSync(`${root}/${source}`, 'utf8')
  const members = schemasOf(await openapiTS(text, { immutable: true, silent: true }))
  const parts = partsOf(answer, members)
  const [ofVerdict, others] = [true, false].map((isPart) =>
    members.filter((member) => parts.has(nameOf(member)) === isPart),
  )
  return new Map([
    ['schemas/openapi.json', JSON.stringify(parse(text))],
    [
      'services/api/api-verdict-types.ts',
      `${banner}\n/** A verdict and what it is made of. */\nexport ${interfaceOf('VerdictSchemas', ofVerdict ?? [])}`,
    ],
    [
      'services/api/api-types.ts',
      `${banner}import type { VerdictSchemas } from './api-verdict-types.ts'\n\n/** The API's schemas by name. */\nexport ${interfaceOf('Api', others ?? [], 'VerdictSchemas')}`,
    ],
  ])
}

/** The members of `components.schemas`. */
function schemasOf(nodes: readonly ts.Node[]): readonly ts.TypeElement[] {
  const components = nodes.find((node) => ts.isInterfaceDeclaration(node) && node.name.text === 'components')
  const schemas =
    components !== undefined && ts.isInterfaceDeclaration(components)
      ? components.members.find((member) => nameOf(member) === 'schemas')
      : undefined
  if (
    schemas === undefined ||
    !ts.isPropertySignature(schemas) ||
    schemas.type === undefined ||
    !ts.isTypeLiteralNode(schemas.type)
  )
    throw new Error(`${source} has no schemas`)
  return schemas.type.members
}

function nameOf(member: ts.TypeElement): string {
  const { name } = member
  return name !== undefined && (ts.isIdentifier(name) || ts.isStringLiteral(name)) ? name.text : ''
}

/** A schema and all that it refers to, at any depth. */
function partsOf(schema: string, members: readonly ts.TypeElement[]): ReadonlySet<string> {
  const texts = new Map(members.map((member) => [nameOf(member), astToString(member)]))
  const found = new Set([schema])
  for (const name of found)
    for (const [, part = ''] of (texts.get(name) ?? '').matchAll(/components\["schemas"\]\["(\w+)"\]/g)) found.add(part)
  return found
}

function interfaceOf(name: string, members: readonly ts.TypeElement[], base?: string): string {
  const heritage = base === undefined ? '' : ` extends ${base}`
  const text = `interface ${name}${heritage} {\n${members.map((member) => astToString(member)).join('')}}\n`
  return text
    .replaceAll('components["schemas"]', name)
    .replaceAll(/^ *\/\*\* @enum \{\w+\} \*\/\n/gm, '')
    .replaceAll('* @description ', '* ')
}
