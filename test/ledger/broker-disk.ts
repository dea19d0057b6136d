import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, renameSync, rmSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import type { Stack } from '../../infra/native/stack.ts'

/** The broker's log directory on a file system of its own, which can be full. */
export interface BrokerDisk {
  /** From now on the file system has no byte left. */
  fill(): void
  /** It has room again. */
  free(): void
  /** Takes it away; the broker must not run. */
  release(): void
}

/** Memory that the log may take at most. */
const size = '8g'

/** Puts the data of a stack's broker on a tmpfs; null, and why, where nobody may mount one. The broker is restarted. */
export async function putOnOwnDisk(stack: Stack): Promise<BrokerDisk | string> {
  const data = join(stack.dir, 'kafka', 'data')
  const before = `${data}.before`
  await stack.stop('kafka')
  renameSync(data, before)
  mkdirSync(data)
  try {
    mount(['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', data])
  } catch (error) {
    rmSync(data, { recursive: true })
    renameSync(before, data)
    await stack.start('kafka')
    return `a file system of its own could not be mounted: ${(error as Error).message.split('\n').at(-1)}`
  }
  execFileSync('cp', ['-a', `${before}/.`, data])
  rmSync(before, { recursive: true })
  await stack.start('kafka')
  return {
    fill: () => shrink(data),
    free: () => mount(['-o', `remount,size=${size}`, data]),
    release: () => void execFileSync('umount', ['-l', data]),
  }
}

/** Down to what is used, and the little that the broker writes meanwhile: it may not be smaller than what it holds. */
function shrink(data: string): void {
  for (let tries = 1; ; tries += 1) {
    const { blocks, bfree, bsize } = statfsSync(data)
    const bytes = (blocks - bfree) * bsize + tries * stepBytes
    try {
      mount(['-o', `remount,size=${bytes}`, data])
      return
    } catch (error) {
      if (tries >= triesMax) throw error
    }
  }
}

const stepBytes = 128 * 1024
const triesMax = 50

function mount(args: readonly string[]): void {
  execFileSync('mount', [...args], { stdio: ['ignore', 'ignore', 'pipe'] })
}

/** Takes away what a run that was killed left mounted below a folder. */
export function releaseBelow(dir: string): void {
  for (const line of readFileSync('/proc/mounts', 'utf8').split('\n')) {
    const at = line.split(' ')[1]
    if (at?.startsWith(`${dir}/`) === true) execFileSync('umount', ['-l', at])
  }
}
