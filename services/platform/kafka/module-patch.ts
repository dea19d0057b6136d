import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

/** Puts what `make` makes of a module of kafkajs in its place. Only for who is loaded afterwards: kafkajs takes its parts when it is loaded. */
export function replaceModule<Exports>(path: `kafkajs/${string}`, make: (original: Exports) => Exports): void {
  const original = require(path) as Exports
  const loaded = require.cache[require.resolve(path)]
  if (loaded !== undefined) loaded.exports = make(original)
}
