import { spawn } from 'node:child_process'
import { StackError } from './stack-error.ts'

export interface ToolRun {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd?: string
  readonly timeoutMs: number
  /** Called every few seconds while the tool runs, so that a long download does not look like a hang. */
  readonly onWait?: (seconds: number) => void
}

export interface ToolResult {
  /** null when the tool does not exist. */
  readonly code: number | null
  readonly output: string
}

const waitNoticeMs = 5000
const outputCharsMax = 64 * 1024

/** Runs a tool to its end and keeps the last 64 KB of what it printed. Never throws: a tool that is missing has code null. */
export function runTool(run: ToolRun): Promise<ToolResult> {
  return new Promise((done) => {
    const startedMs = performance.now()
    const child = spawn(run.command, run.args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(run.cwd === undefined ? {} : { cwd: run.cwd }),
    })
    let output = ''
    const keep = (text: string): void => {
      output = (output + text).slice(-outputCharsMax)
    }
    child.stdout.setEncoding('utf8').on('data', keep)
    child.stderr.setEncoding('utf8').on('data', keep)
    const notice = setInterval(() => run.onWait?.((performance.now() - startedMs) / 1000), waitNoticeMs)
    // Not spawn's own timeout: its timer outlives a command that does not exist, and would keep this process waiting for it.
    const timer = setTimeout(() => {
      keep(`\nended after ${Math.round(run.timeoutMs / 1000)} s`)
      child.kill('SIGTERM')
    }, run.timeoutMs)
    const end = (code: number | null): void => {
      clearInterval(notice)
      clearTimeout(timer)
      done({ code, output })
    }
    child.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return end(null)
      keep(error.message)
      end(1)
    })
    child.once('close', (code) => end(code ?? 1))
  })
}

/** As `runTool`, but a failure is a StackError that ends with what the tool said last. */
export async function requireTool(
  run: ToolRun,
  failing: string,
  code: 'DOWNLOAD' | 'START' = 'DOWNLOAD',
): Promise<string> {
  const result = await runTool(run)
  if (result.code === 0) return result.output
  const said =
    result.code === null ? 'the command does not exist' : result.output.trim().split('\n').slice(-8).join('\n  ')
  throw new StackError(`${failing}: ${run.command} failed\n  ${said}`, { code, retriable: code === 'DOWNLOAD' })
}
