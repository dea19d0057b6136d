import { describe, expect, it } from 'vitest'
import { requireTool, runTool } from './run-tool.ts'

const node = (script: string) => ({ command: process.execPath, args: ['-e', script], timeoutMs: 10_000 })

describe('runTool', () => {
  it('gives the exit code and all that was printed', async () => {
    const result = await runTool(node("console.log('out'); console.error('err'); process.exitCode = 3"))
    expect(result.code).toBe(3)
    expect(result.output.split('\n').sort()).toEqual(['', 'err', 'out'])
  })

  it('tells a missing command from a failing one, and leaves no timer behind for it', async () => {
    const before = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    expect(await runTool({ command: 'no-such-command', args: [], timeoutMs: 600_000 })).toEqual({
      code: null,
      output: '',
    })
    expect(process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length).toBe(before)
  })

  it('ends a command that takes too long, and says so', async () => {
    const result = await runTool({ ...node('setInterval(() => 0, 1e6)'), timeoutMs: 300 })
    expect([result.code, result.output.trim()]).toEqual([1, 'ended after 0 s'])
  })
})

describe('requireTool', () => {
  it('fails with what was tried and the last lines of the tool', async () => {
    const failing = requireTool(
      node("console.error('no space left'); process.exitCode = 1"),
      'Kafka could not be downloaded',
    )
    await expect(failing).rejects.toThrow(/^Kafka could not be downloaded: .* failed\n {2}no space left$/)
    const missing = requireTool({ command: 'no-such-command', args: [], timeoutMs: 1000 }, 'x')
    await expect(missing).rejects.toThrow('x: no-such-command failed\n  the command does not exist')
  })
})
