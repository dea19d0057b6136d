/** Translates logical names to those on the broker and back: one prefix for all topics and groups of an installation. */
export interface TopicNames {
  toBroker(name: string): string
  fromBroker(name: string): string
}

export function createTopicNames(prefix: string): TopicNames {
  return {
    toBroker: (name) => prefix + name,
    fromBroker: (name) => (name.startsWith(prefix) ? name.slice(prefix.length) : name),
  }
}
