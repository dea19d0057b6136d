import { randomUUID } from 'node:crypto'
import { expect, it } from 'vitest'
import { createRegistryClient } from '../../services/platform/registry/registry-client.ts'
import { testServers } from '../support/stack.ts'

const { registry } = testServers()
const schema = (...fields: readonly object[]) =>
  JSON.stringify({ type: 'record', name: 'Thing', namespace: 'n', fields })
const a = { name: 'a', type: 'string' }

it('a subject takes its compatibility before its first schema, and refuses what cannot read every version', async () => {
  const client = createRegistryClient(registry.url)
  const subject = `n.Thing-${randomUUID().slice(0, 8)}`
  const first = await client.register(subject, schema(a), 'BACKWARD_TRANSITIVE')
  const config = await fetch(`${registry.url.replace(/\/$/, '')}/config/${subject}`)
  expect(await config.json()).toMatchObject({ compatibilityLevel: 'BACKWARD_TRANSITIVE' })
  expect(await client.register(subject, schema(a), 'BACKWARD_TRANSITIVE')).toBe(first)
  const second = await client.register(
    subject,
    schema(a, { name: 'b', type: 'int', default: 0 }),
    'BACKWARD_TRANSITIVE',
  )
  expect(second).not.toBe(first)
  await expect(
    client.register(subject, schema(a, { name: 'c', type: 'int' }), 'BACKWARD_TRANSITIVE'),
  ).rejects.toMatchObject({ code: 'INCOMPATIBLE', retriable: false })
  expect(await client.idOf(subject, schema(a))).toBe(first)
  expect(await client.idOf(subject, schema(a, { name: 'c', type: 'int' }))).toBeNull()
  expect(JSON.parse((await client.textOf(first)) ?? '')).toMatchObject({ name: 'Thing' })
  expect(await client.textOf(987_654_321)).toBeNull()
})
