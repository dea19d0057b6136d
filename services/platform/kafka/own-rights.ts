import type { GivenRight } from './broker-inspector.ts'

const named: ReadonlySet<GivenRight['resource']> = new Set(['topic', 'group', 'transactional-id'])

/** A right in the names that an installation uses without its topic prefix; null for one that is about the names of others. */
export function inOwnNames(right: GivenRight, topicPrefix: string): GivenRight | null {
  const { name, prefixed } = right
  if (!named.has(right.resource) || name === '*') return right
  if (name.startsWith(topicPrefix)) return { ...right, name: name.slice(topicPrefix.length) }
  // Given for whatever begins as the prefix itself does: for all of them.
  return prefixed && topicPrefix.startsWith(name) ? { ...right, name: '' } : null
}
