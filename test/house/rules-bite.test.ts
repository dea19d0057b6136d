import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { checkTools, distrustCruise } from '../../scripts/check-tools.ts'

/** The real configurations are laid over a tree of known-bad files: a rule that no longer fires there fires nowhere. */
const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..')
const configs = [
  'biome.json',
  'eslint.config.mjs',
  '.dependency-cruiser.cjs',
  'knip.json',
  'tsconfig.json',
  'package.json',
  '.gitignore',
]
let tree = ''

beforeAll(() => {
  tree = mkdtempSync(join(tmpdir(), 'penstock-known-bad-'))
  cpSync(join(root, 'test/house/known-bad'), tree, { recursive: true })
  for (const config of configs) cpSync(join(root, config), join(tree, config))
  cpSync(join(root, 'scripts/lint'), join(tree, 'scripts/lint'), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'))
  writeFileSync(join(tree, 'services/gateway/long-function.ts'), functionOfLines(71))
  writeFileSync(join(tree, 'services/gateway/long-enough-function.ts'), functionOfLines(70))
  writeFileSync(join(tree, 'services/gateway/long-file.ts'), fileOfLines(401))
  writeFileSync(join(tree, 'services/gateway/long-enough-file.ts'), fileOfLines(400))
  writeFileSync(join(tree, 'services/shadow/main.ts'), fileOfLines(81))
})

afterAll(() => rmSync(tree, { recursive: true, force: true }))

describe('import rules', () => {
  const expected = [
    ['domain-is-pure', 'services/domain/gate/reads-a-file.ts'],
    ['domain-tests-stay-in-domain', 'services/domain/gate/leans-on-platform.test.ts'],
    ['platform-knows-no-business', 'services/platform/kafka/knows-runs.ts'],
    ['services-meet-in-topics', 'services/gateway/imports-shadow.ts'],
    ['api-types-are-types', 'services/cli/runs-api-types.ts'],
    ['api-types-are-for-clients', 'services/gateway/names-api-types.ts'],
    ['flow-imports-nothing', 'services/flow.ts'],
    ['services-know-no-infra', 'services/gateway/imports-infra.ts'],
    ['composition-roots-are-not-imported', 'services/standalone/imports-main.ts'],
    ['nobody-imports-test', 'services/gateway/imports-test.ts'],
    ['nobody-imports-scripts', 'services/gateway/imports-script.ts'],
    ['scripts-and-infra-start-services-as-processes', 'scripts/imports-service.ts'],
    ['people-talk-http', 'services/cli/uses-the-broker.ts'],
    ['no-cycles', 'services/domain/gate/cycle-a.ts'],
    ['kafkajs-in-its-folder', 'services/gateway/uses-kafkajs.ts'],
    ['registry-client-in-its-folder', 'services/gateway/uses-registry.ts'],
    ['clickhouse-in-its-folder', 'services/gateway/uses-clickhouse.ts'],
    ['bullmq-in-its-folder', 'services/gateway/uses-bullmq.ts'],
    ['ioredis-in-its-folder', 'services/gateway/uses-ioredis.ts'],
    ['no-unresolvable', 'services/gateway/imports-nothing-there.ts'],
    ['no-unlisted-package', 'services/gateway/imports-unlisted-package.ts'],
    ['no-dev-package-in-production', 'services/gateway/imports-dev-package.ts'],
  ] as const
  let violations: readonly { rule: { name: string; severity: string }; from: string }[] = []
  let rules: readonly string[] = []

  beforeAll(() => {
    const output = run('depcruise', [
      '--config',
      '.dependency-cruiser.cjs',
      '--output-type',
      'json',
      'services',
      'scripts',
      'test',
    ])
    const { summary } = JSON.parse(output)
    violations = summary.violations
    rules = summary.ruleSetUsed.forbidden.map((rule: { name: string }) => rule.name)
  })

  it.each(expected)('%s fires on %s', (rule, file) => {
    const hits = violations.filter((violation) => violation.rule.name === rule && violation.from === file)
    expect(hits.map((hit) => hit.rule.severity)).toContain('error')
  })

  it('has a known-bad file for every rule', () => {
    expect(rules.filter((rule) => !expected.some(([name]) => name === rule))).toEqual([])
  })

  it('does not fire on a file that may do what it does', () => {
    const innocent = [
      'services/domain/rollout/run.ts',
      'services/shadow/plan.ts',
      'services/platform/kafka/transport.ts',
    ]
    expect(violations.filter((violation) => innocent.includes(violation.from))).toEqual([])
  })

  it('distrusts a cruise that saw no modules, or whose exit code wrapped around', () => {
    expect(distrustCruise('no dependency violations found (0 modules, 0 dependencies cruised)')).not.toBeNull()
    expect(distrustCruise('no dependency violations found (12 modules, 3 dependencies cruised)')).toBeNull()
    expect(
      distrustCruise('x 256 dependency violations (256 errors, 0 warnings). 12 modules, 3 cruised.'),
    ).not.toBeNull()
  })
})

describe('lint rules', () => {
  const expected = [
    ['lint/style/noEnum', 'services/gateway/has-enum.ts'],
    ['lint/style/noParameterProperties', 'services/gateway/has-parameter-property.ts'],
    ['lint/style/noDefaultExport', 'services/gateway/has-default-export.ts'],
    ['lint/style/noProcessEnv', 'services/gateway/reads-environment.ts'],
    ['lint/suspicious/noExplicitAny', 'services/gateway/has-any.ts'],
    ['lint/complexity/noExcessiveLinesPerFunction', 'services/gateway/long-function.ts'],
    ['lint/style/noExcessiveLinesPerFile', 'services/gateway/long-file.ts'],
    ['lint/style/noRestrictedGlobals', 'services/domain/gate/logs.ts'],
    ['lint/style/noRestrictedGlobals', 'services/domain/gate/uses-buffer.ts'],
    ['lint/style/noRestrictedGlobals', 'services/domain/gate/waits.ts'],
    ['plugin', 'services/domain/gate/draws.ts'],
    ['plugin', 'services/domain/gate/reads-clock.ts'],
    ['plugin', 'services/domain/gate/makes-date.ts'],
  ] as const
  let found: readonly { readonly category: string; readonly severity: string; readonly path: string }[] = []

  beforeAll(() => {
    const output = run('biome', ['lint', '--reporter=json', '--max-diagnostics=none', '.'])
    found = JSON.parse(output.slice(output.indexOf('{'))).diagnostics.map(
      (diagnostic: { category: string; severity: string; location: { path: string | { file: string } } }) => {
        const { path } = diagnostic.location
        return {
          category: diagnostic.category,
          severity: diagnostic.severity,
          path: typeof path === 'string' ? path : path.file,
        }
      },
    )
  })

  it.each(expected)('%s fires on %s', (category, file) => {
    const hits = found.filter((diagnostic) => diagnostic.category === category && diagnostic.path.endsWith(file))
    expect(hits.map((hit) => hit.severity)).toContain('error')
  })

  it('allows a function of 70 lines and a file of 400', () => {
    expect(found.filter((diagnostic) => diagnostic.path.includes('long-enough'))).toEqual([])
  })
})

describe('typed rules', () => {
  const expected = [
    ['@typescript-eslint/no-floating-promises', 'services/gateway/floats.ts'],
    ['@typescript-eslint/no-misused-promises', 'services/gateway/misuses.ts'],
    ['@typescript-eslint/switch-exhaustiveness-check', 'services/gateway/forgets-a-case.ts'],
    ['@typescript-eslint/await-thenable', 'services/gateway/awaits-nothing.ts'],
  ] as const
  let results: readonly { filePath: string; messages: readonly { ruleId: string | null; severity: number }[] }[] = []

  beforeAll(() => {
    const files = expected.map(([, file]) => file)
    results = JSON.parse(run('eslint', ['--format', 'json', ...files]))
  })

  it.each(expected)('%s fires on %s', (rule, file) => {
    const messages = results.find((result) => result.filePath.endsWith(file))?.messages ?? []
    expect(messages.filter((message) => message.ruleId === rule).map((message) => message.severity)).toContain(2)
  })
})

describe('other checks', () => {
  it('tsc is strict about indexing', () => {
    expect(run('tsc', ['--noEmit', '-p', 'tsconfig.json'])).toMatch(/index-may-be-missing\.ts.*error TS2322/)
  })

  it('knip names unused files, exports, types and packages, and unlisted packages', () => {
    const output = run('knip', ['--no-config-hints'])
    expect(output).toMatch(/Unused files[\s\S]*services\/gateway\/unused-file\.ts/)
    expect(output).toMatch(/Unlisted dependencies[\s\S]*semver/)
    expect(output).toMatch(/Unused dependencies[\s\S]*fastify/)
    expect(output).toMatch(/Unused exports[\s\S]*neverUsed/)
    expect(output).toMatch(/Unused exported types[\s\S]*NeverUsed/)
  })

  it.each([
    ['layout/no-empty-names', 'services/gateway/utils/anything.ts'],
    ['layout/kebab-case', 'services/gateway/CamelCase.ts'],
    ['layout/no-machine-paths', 'services/gateway/names-a-machine-path.ts'],
    ['layout/short-composition-root', 'services/shadow/main.ts'],
    ['layout/short-files', 'services/gateway/long-file.ts'],
  ])('%s fires on %s', (rule, file) => {
    expect(runNode([join(root, 'scripts/check-layout.ts'), tree])).toContain(`[${rule}] ${file}`)
  })

  it('all of them are part of npm run check', () => {
    const commands = checkTools(root).map((tool) => [tool.command, ...tool.args].join(' '))
    for (const part of ['tsc', 'eslint', 'depcruise', 'knip', 'biome', 'check-layout', 'generate.ts --check']) {
      expect(commands.filter((command) => command.includes(part))).toHaveLength(1)
    }
  })
})

/** Runs a tool on the tree of bad files, where it must not be content. */
function run(tool: string, args: readonly string[]): string {
  const ended = spawnSync(join(root, 'node_modules/.bin', tool), args, {
    cwd: tree,
    encoding: 'utf8',
    maxBuffer: 64 << 20,
  })
  // The JSON reporter of dependency-cruiser ends with 0 whatever it found.
  if (!args.includes('--output-type')) expect(ended.status, `${tool} found nothing wrong: ${ended.stderr}`).not.toBe(0)
  return ended.stdout
}

function runNode(args: readonly string[]): string {
  const ended = spawnSync(process.execPath, args, { cwd: tree, encoding: 'utf8' })
  expect(ended.status).not.toBe(0)
  return ended.stdout + ended.stderr
}

function functionOfLines(lines: number): string {
  const body = Array.from({ length: lines }, (_, index) => `  total += ${index}`)
  return `let total = 0\n\nexport function add(): number {\n${body.slice(1).join('\n')}\n  return total\n}\n`
}

function fileOfLines(lines: number): string {
  return `${Array.from({ length: lines }, (_, index) => `export const value${index} = ${index}`).join('\n')}\n`
}
