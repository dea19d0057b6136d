import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, describe, expect, it } from 'vitest'
import {
  endProcess,
  findMarked,
  identify,
  isAlive,
  isPaused,
  markerVariable,
  type ProcessId,
  signal,
} from './processes.ts'

const children: ChildProcess[] = []

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

async function sleeper(script: string, marker = ''): Promise<ProcessId> {
  const child = spawn(process.execPath, ['-e', `${script};process.stdout.write('up');setInterval(() => 0, 1e6)`], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { [markerVariable]: marker },
  })
  children.push(child)
  await once(child.stdout, 'data')
  const id = identify(child.pid ?? 0)
  if (id === null) throw new Error('the child is gone')
  return id
}

describe('a process is known by pid and start', () => {
  it('never signals a later process of the same pid', async () => {
    const id = await sleeper('')
    const former: ProcessId = { pid: id.pid, startedAt: '1' }
    expect(isAlive(former)).toBe(false)
    expect(signal(former, 'SIGKILL')).toBe(false)
    expect(await endProcess(former, 50)).toBe(false)
    expect(isAlive(id)).toBe(true)
  })

  it('says that a process is gone once it is, also while it is a zombie', async () => {
    const id = await sleeper('')
    expect(signal(id, 'SIGKILL')).toBe(true)
    await endProcess(id, 0)
    expect(isAlive(id)).toBe(false)
    expect(identify(id.pid)).toBeNull()
  })
})

describe('endProcess', () => {
  it('asks first', async () => {
    expect(await endProcess(await sleeper(''), 5000)).toBe(false)
  })

  it('insists when asking does not help', async () => {
    const id = await sleeper("process.on('SIGTERM', () => 0)")
    expect(await endProcess(id, 100)).toBe(true)
    expect(isAlive(id)).toBe(false)
  })

  it('ends a paused process cleanly', async () => {
    const id = await sleeper('')
    signal(id, 'SIGSTOP')
    await expect.poll(() => isPaused(id)).toBe(true)
    expect(await endProcess(id, 5000)).toBe(false)
  })
})

describe('findMarked', () => {
  it('finds what nobody recorded, by its mark, and nothing of others', async () => {
    const mine = await sleeper('', `/tmp/stack-${process.pid}#kafka`)
    await sleeper('', `/tmp/stack-${process.pid}-other#kafka`)
    expect([...findMarked(`/tmp/stack-${process.pid}#`)]).toEqual([[`/tmp/stack-${process.pid}#kafka`, [mine]]])
  })
})
