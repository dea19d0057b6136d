import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Part, probeTimeoutMs } from './part.ts'
import { fromArchive } from './programs.ts'
import type { StackState } from './state.ts'
import { versions } from './versions.ts'

const heap = '192m'

/** Arguments of the registry's process. */
export function registryArguments(state: StackState, dataDir: string): readonly string[] {
  // Without WRITE_DELAY=0 an acknowledged schema can be lost in a crash and its id given to another one.
  const url = `jdbc:h2:file:${join(dataDir, 'registry')};WRITE_DELAY=0`
  const settings: Readonly<Record<string, string | number>> = {
    'quarkus.http.host': '127.0.0.1',
    'quarkus.http.port': state.choice.ports.registry,
    'quarkus.log.level': 'WARN',
    'quarkus.banner.enabled': 'false',
    'quarkus.log.category."io.apicurio".level': 'WARN',
    'quarkus.http.access-log.enabled': 'false',
    'apicurio.storage.kind': 'sql',
    'apicurio.storage.sql.kind': 'h2',
    'apicurio.datasource.url': url,
  }
  const properties = Object.entries(settings).map(([key, value]) => `-D${key}=${value}`)
  const classPath = `${versions.registry.jar}:lib/*`
  return [
    ...fromArchive(state.programs, 'registry'),
    `-Xmx${heap}`,
    '-XX:+UseSerialGC',
    '-XX:TieredStopAtLevel=1',
    ...properties,
    '-cp',
    classPath,
    'io.quarkus.runner.GeneratedMain',
  ]
}

export const registryPart: Part = {
  name: 'registry',
  graceMs: 8000,

  async prepare(place, state) {
    const data = join(place.dir, 'data')
    await mkdir(data, { recursive: true })
    return { command: state.programs.java, args: registryArguments(state, data), cwd: state.programs.registry, env: {} }
  },

  async probe(state) {
    const base = `http://127.0.0.1:${state.choice.ports.registry}`
    try {
      for (const path of ['/health/ready', '/apis/ccompat/v7/subjects']) {
        const response = await fetch(base + path, { signal: AbortSignal.timeout(probeTimeoutMs) })
        await response.arrayBuffer()
        if (response.status !== 200) return `${path} answers ${response.status}`
      }
      return null
    } catch (error) {
      return messageOf(error)
    }
  },
}

function messageOf(error: unknown): string {
  const { message, cause } = error as Error
  return cause instanceof Error ? `${message}: ${cause.message}` : message
}
