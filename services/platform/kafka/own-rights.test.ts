import { expect, test } from 'vitest'
import type { GivenRight } from './broker-inspector.ts'
import { inOwnNames } from './own-rights.ts'

const given = (change: Partial<GivenRight>): GivenRight => ({
  principal: 'User:penstock-sink',
  allows: true,
  resource: 'topic',
  name: 'llm.exchanges.v1',
  prefixed: false,
  operation: 'Read',
  ...change,
})
const nameOf = (change: Partial<GivenRight>, prefix: string) => inOwnNames(given(change), prefix)?.name ?? null

test('rights on names with the prefix are rights on the names without it', () => {
  for (const resource of ['topic', 'group', 'transactional-id'] as const)
    expect(nameOf({ resource, name: 'eu.sink' }, 'eu.')).toBe('sink')
  expect(nameOf({}, '')).toBe('llm.exchanges.v1')
})

test('rights on names without the prefix are those of another installation', () => {
  expect(nameOf({}, 'eu.')).toBeNull()
  expect(nameOf({ name: 'us.llm.exchanges.v1' }, 'eu.')).toBeNull()
})

test('rights on all names, and on all that begin as the prefix does, are rights on all of ours', () => {
  expect(nameOf({ name: '*' }, 'eu.')).toBe('*')
  expect(nameOf({ name: 'e', prefixed: true }, 'eu.')).toBe('')
  expect(nameOf({ name: 'e' }, 'eu.')).toBeNull()
})

test('what a cluster lets do has no prefix', () => {
  expect(nameOf({ resource: 'cluster', name: 'kafka-cluster' }, 'eu.')).toBe('kafka-cluster')
})
