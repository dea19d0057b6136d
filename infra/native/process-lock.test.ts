import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { acquireLock } from './process-lock.ts'

let folder = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'penstock-lock-'))
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

const never = (): void => {
  throw new Error('nobody else holds it')
}

describe('acquireLock', () => {
  it('lets one in at a time', async () => {
    const path = join(folder, 'locks', 'a')
    const first = await acquireLock(path, 1000, never)
    let waited = 0
    const second = acquireLock(path, 5000, () => {
      waited += 1
    })
    const order: string[] = []
    const entered = second.then((lock) => {
      order.push('second in')
      lock.release()
    })
    await expect.poll(() => waited).toBe(1)
    order.push('first out')
    first.release()
    await entered
    expect(order).toEqual(['first out', 'second in'])
  })

  it('gives up with a reason', async () => {
    const path = join(folder, 'a')
    const first = await acquireLock(path, 1000, never)
    await expect(acquireLock(path, 0, () => undefined)).rejects.toThrow(/another run has held/)
    first.release()
  })

  it('is free as soon as its holder was killed', async () => {
    const path = join(folder, 'a')
    const module = new URL('./process-lock.ts', import.meta.url).href
    const script = `import(${JSON.stringify(module)}).then(async ({ acquireLock }) => {
      globalThis.held = await acquireLock(${JSON.stringify(path)}, 1000, () => {}); console.log('held'); setInterval(() => 0, 1e6) })`
    const holder = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(holder.stdout, 'data')
    await expect(acquireLock(path, 0, () => undefined)).rejects.toThrow(/another run/)
    holder.kill('SIGKILL')
    await once(holder, 'exit')
    const lock = await acquireLock(path, 1000, never)
    lock.release()
  })
})
