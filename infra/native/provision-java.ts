import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ensureCached, verifyFile, verifyFolder } from './cache-entry.ts'
import type { Say } from './progress.ts'
import { requireTool, runTool } from './run-tool.ts'
import { StackError } from './stack-error.ts'
import { cacheName, type Versions } from './versions.ts'

const downloadTimeoutMs = 10 * 60_000

/** The Java command to run servers with, and what it says of itself. Throws StackError (MISSING_TOOL) when there is none or it is too old. */
export async function requireJava(majorMin: number): Promise<{ readonly java: string; readonly javaBuild: string }> {
  const fix =
    'install one (Debian: `apt-get install openjdk-17-jre-headless`, macOS: `brew install openjdk@17`) and have it first on PATH'
  const { code, output } = await runTool({ command: 'java', args: ['-version'], timeoutMs: 30_000 })
  if (code !== 0) throw new StackError(`Java ${majorMin} or later is missing: ${fix}`, { code: 'MISSING_TOOL' })
  const major = javaMajor(output)
  if (major !== null && major >= majorMin) return { java: 'java', javaBuild: output.trim() }
  throw new StackError(`Java ${major ?? 'of unknown version'} is too old, ${majorMin} or later is needed: ${fix}`, {
    code: 'MISSING_TOOL',
  })
}

/** `openjdk version "17.0.15"` is 17, the old `java version "1.8.0_392"` is 8. */
export function javaMajor(text: string): number | null {
  const match = /version "(\d+)(?:\.(\d+))?/.exec(text)
  if (match === null) return null
  const major = Number(match[1])
  return major === 1 ? Number(match[2] ?? 1) : major
}

async function requireMaven(): Promise<void> {
  const { code } = await runTool({ command: 'mvn', args: ['-v'], timeoutMs: 60_000 })
  if (code === 0) return
  throw new StackError(
    'Maven is missing; Kafka and the schema registry are downloaded with it: install it (Debian: `apt-get install maven`, macOS: `brew install maven`)',
    { code: 'MISSING_TOOL' },
  )
}

/** Kafka's jars; returns the folder that holds them. */
export async function provisionKafka(cacheDir: string, { kafka, maven }: Versions, say: Say): Promise<string> {
  const folder = await ensureCached({
    cacheDir,
    name: cacheName('kafka', kafka.version, [kafka, maven]),
    part: 'kafka',
    say,
    fill: async (partial) => {
      await requireMaven()
      say('kafka', `downloading ${kafka.version} with Maven (43 MB)`)
      const pom = join(partial, 'pom.xml')
      await writeFile(pom, pomOf(kafka.artifacts))
      const libs = join(partial, 'libs')
      await requireTool(
        {
          command: 'mvn',
          args: ['-B', '-q', '-f', pom, `${maven.dependencyPlugin}:copy-dependencies`, `-DoutputDirectory=${libs}`],
          timeoutMs: downloadTimeoutMs,
          onWait: (seconds) => say('kafka', `still downloading, ${seconds.toFixed(0)} s`),
        },
        'Kafka could not be downloaded',
      )
      await verifyFolder(libs, kafka.sha256)
      say('kafka', `downloaded, ${Object.keys(kafka.sha256).length} checksums agree`)
    },
  })
  return join(folder, 'libs')
}

function pomOf(artifacts: readonly string[]): string {
  const dependencies = artifacts.map((artifact) => {
    const [group, name, version] = artifact.split(':')
    return `    <dependency><groupId>${group}</groupId><artifactId>${name}</artifactId><version>${version}</version></dependency>`
  })
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>penstock</groupId>
  <artifactId>native-kafka</artifactId>
  <version>1</version>
  <dependencies>
${dependencies.join('\n')}
  </dependencies>
</project>
`
}

/** The schema registry, unpacked; returns its folder. */
export async function provisionRegistry(cacheDir: string, { registry, maven }: Versions, say: Say): Promise<string> {
  return ensureCached({
    cacheDir,
    name: cacheName('registry', registry.version, [registry, maven]),
    part: 'registry',
    say,
    fill: async (partial) => {
      await requireMaven()
      say('registry', `downloading Apicurio ${registry.version} with Maven (109 MB)`)
      const archive = join(partial, registry.archive)
      await requireTool(
        {
          command: 'mvn',
          args: [
            '-B',
            '-q',
            `${maven.dependencyPlugin}:get`,
            `-Dartifact=${registry.artifact}`,
            '-Dtransitive=false',
            `-Ddest=${archive}`,
          ],
          timeoutMs: downloadTimeoutMs,
          onWait: (seconds) => say('registry', `still downloading, ${seconds.toFixed(0)} s`),
        },
        'the schema registry could not be downloaded',
      )
      await verifyFile(archive, registry.sha256)
      await requireTool(
        { command: 'tar', args: ['-xzf', archive, '-C', partial], timeoutMs: 120_000 },
        'the schema registry could not be unpacked',
      )
      await rm(archive)
      say('registry', 'downloaded, checksum agrees')
    },
  })
}
