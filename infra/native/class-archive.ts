import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, realpathSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ensureCached } from './cache-entry.ts'
import { inheritedEnvironment } from './config.ts'
import { kafkaPart } from './kafka-part.ts'
import { spawnReaper } from './owner.ts'
import type { Part, PartPlace } from './part.ts'
import { choosePorts, machinePorts } from './ports.ts'
import { identify, markerVariable } from './processes.ts'
import type { JavaServer, Programs } from './programs.ts'
import type { Say } from './progress.ts'
import { registryPart } from './registry-part.ts'
import { requireTool } from './run-tool.ts'
import { StackError } from './stack-error.ts'
import { newState } from './state.ts'
import { cacheName, versions } from './versions.ts'

const archiveFile = 'classes.jsa'
const readyWithinMs = 90_000
/** Writing the archive takes some seconds. */
const endWithinMs = 60_000
const toolTimeoutMs = 30_000
const pollMs = 100

/**
 * The classes of a server as the JVM keeps them once they are parsed and verified, in the cache. A broker then starts with 3.7 instead of 8.6 s of processor
 * time, and it is started very often: by tests, and by whoever tries what happens when it dies. Made by starting the server once, aside.
 *
 * @param javaBuild what `java -version` says: an archive is of use to the very build that made it
 * @returns null where it could not be made; servers then start as they always did, only slower
 */
export async function archiveClasses(
  name: JavaServer,
  programs: Programs,
  { cacheDir, javaBuild, say }: { readonly cacheDir: string; readonly javaBuild: string; readonly say: Say },
): Promise<string | null> {
  const home = name === 'kafka' ? programs.kafkaLibs : programs.registry
  try {
    const folder = await ensureCached({
      cacheDir,
      name: cacheName(`${name}-classes`, versions[name].version, [versions[name], javaBuild, home]),
      part: name,
      say,
      fill: async (partial) => {
        say(name, 'archiving its classes, once, so that it starts in half the time')
        await train(name === 'kafka' ? kafkaPart : registryPart, programs, join(partial, archiveFile))
        await requireWhole(programs.java, join(partial, archiveFile))
      },
    })
    // A JVM that knows no archives leaves the folder empty, and is not asked again.
    const archive = join(folder, archiveFile)
    return existsSync(archive) ? archive : null
  } catch (error) {
    say(name, `its classes could not be archived, it starts more slowly: ${(error as Error).message}`)
    return null
  }
}

/** Starts the server in a folder of its own and stops it cleanly, which is when the JVM writes what it has loaded. */
async function train(part: Part, programs: Programs, archive: string): Promise<void> {
  const stackDir = realpathSync(mkdtempSync(join(tmpdir(), 'penstock-classes-')))
  const owned = spawnReaper(stackDir)
  try {
    const ports = await choosePorts({ given: {}, earlier: null, held: new Set() }, machinePorts)
    const state = newState(ports, programs, true)
    const place: PartPlace = { stackDir, dir: join(stackDir, part.name), logs: join(stackDir, 'logs') }
    mkdirSync(place.logs)
    const launch = await part.prepare(place, state)
    const server = spawn(launch.command, [`-XX:ArchiveClassesAtExit=${archive}`, ...launch.args], {
      cwd: launch.cwd,
      stdio: 'ignore',
      env: { ...inheritedEnvironment(), ...launch.env, [markerVariable]: `${stackDir}#${part.name}` },
    })
    await untilIt('serves', server, readyWithinMs, async () => {
      const id = identify(server.pid ?? 0)
      return id !== null && (await part.probe(state, id, place)) === null
    })
    const ended = once(server, 'exit')
    server.kill('SIGTERM')
    if (!(await Promise.race([ended.then(() => true), sleep(endWithinMs, false, { ref: false })])))
      throw new StackError(`${part.name} did not end within ${endWithinMs / 1_000} s`, { code: 'START' })
  } finally {
    owned.end()
  }
}

/** A JVM crashes over an archive that was cut off, for example by a full disk. */
async function requireWhole(java: string, archive: string): Promise<void> {
  const args = [`-XX:SharedArchiveFile=${archive}`, '-version']
  if (existsSync(archive)) await requireTool({ command: java, args, timeoutMs: toolTimeoutMs }, 'unusable', 'START')
}

async function untilIt(
  what: string,
  server: ChildProcess,
  withinMs: number,
  holds: () => Promise<boolean>,
): Promise<void> {
  const endMs = performance.now() + withinMs
  while (!(await holds())) {
    if (server.exitCode !== null || server.signalCode !== null || performance.now() > endMs)
      throw new StackError(`it ended, or took more than ${withinMs / 1_000} s, before it ${what}`, { code: 'START' })
    await sleep(pollMs)
  }
}
