import { readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..')
const page = readFileSync(join(root, 'services/docs/statistics.md'), 'utf8')
const named = [...page.matchAll(/^\| .* \| `([^`]+\.test\.ts): ([^`]+)` \|$/gm)]

it('the page of statistics names tests', () => {
  expect(named.length).toBeGreaterThan(0)
})

it.each(named.map(([, file = '', test = '']) => [file, test]))('%s: %s', (file, test) => {
  expect(readFileSync(join(root, file), 'utf8')).toContain(`it('${test}'`)
})
