import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { checkTools, type Tool } from './check-tools.ts'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const bin = join(root, 'node_modules', '.bin')
const toolsAtOnce = Math.min(2, availableParallelism())
const timeoutMs = 5 * 60_000

const tools = checkTools(root)

const failed = await runAll(tools)
if (failed > 0) {
  process.stderr.write(`check: ${failed} of ${tools.length} failed\n`)
  process.exitCode = 1
} else {
  process.stdout.write(`check: all ${tools.length} passed\n`)
}

async function runAll(queue: readonly Tool[]): Promise<number> {
  const waiting = [...queue]
  let failures = 0
  const worker = async (): Promise<void> => {
    for (let tool = waiting.shift(); tool !== undefined; tool = waiting.shift()) {
      if (!(await runTool(tool))) failures += 1
    }
  }
  await Promise.all(Array.from({ length: toolsAtOnce }, worker))
  return failures
}

async function runTool(tool: Tool): Promise<boolean> {
  const startedMs = performance.now()
  const { code, output } = await capture(tool)
  const complaint = code === 0 ? (tool.distrust?.(output) ?? null) : `exit code ${code}`
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
  process.stdout.write(`${complaint === null ? 'ok  ' : 'FAIL'} ${tool.name} ${seconds} s\n`)
  if (complaint === null) return true
  process.stderr.write(`${output.trimEnd()}\n${tool.name}: ${complaint}\n\n`)
  return false
}

function capture(tool: Tool): Promise<{ readonly code: number; readonly output: string }> {
  return new Promise((done) => {
    const command = tool.command === 'node' ? process.execPath : join(bin, tool.command)
    const child = spawn(command, tool.args, { cwd: root, timeout: timeoutMs, stdio: ['ignore', 'pipe', 'pipe'] })
    const chunks: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.once('error', (error) => done({ code: 127, output: error.message }))
    child.once('close', (code) => done({ code: code ?? 1, output: Buffer.concat(chunks).toString('utf8') }))
  })
}
