import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

/** Puts what `make` makes of a module of kafkajs in its place. Only for who is loaded afterwards: kafkajs takes its parts when it is loaded. */
export function replaceModule<Exports>(path: `kafkajs/${string}`, make: (original: Exports) => Exports): void {
  const original = require(path) as Exports
  const loaded = require.cache[require.resolve(path)]
  if (loaded !== undefined) loaded.exports = make(original)
}

/** Puts a method in the place of one of a class of kafkajs, for whoever has made an instance as well; again changes nothing. */
export function replaceMethod<This>(
  path: `kafkajs/${string}`,
  name: string,
  method: (this: This, ...given: never[]) => unknown,
): void {
  const { prototype } = require(path) as { readonly prototype: Record<string, unknown> }
  prototype[name] = method
}
