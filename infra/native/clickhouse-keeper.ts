/**
 * Keeps ClickHouse alive when the command that started it has ended. The server lives as long as its standard input is open; this process
 * holds the other end. SIGTERM closes it, which is the clean stop. If this process is killed, the kernel closes it: the server stops as well.
 *   node clickhouse-keeper.ts <file for the server's process id> <grace in ms> <program> <arguments…>
 */
import { spawn } from 'node:child_process'
import { renameSync, writeFileSync } from 'node:fs'
import { inheritedEnvironment } from './config.ts'
import { identify, markerVariable } from './processes.ts'

const [pidFile = '', graceMs = '', program = '', ...args] = process.argv.slice(2)
const environment = inheritedEnvironment()
const own = environment[markerVariable] ?? ''

// A process group of its own: the engine signals its whole group when it shuts down.
const server = spawn(program, args, {
  stdio: ['pipe', 'inherit', 'inherit'],
  detached: true,
  env: { ...environment, [markerVariable]: own.replace(/-keeper$/, '') },
})
server.stdin.on('error', () => {
  // The server is gone; its exit is handled below.
})
server.once('error', (error) => {
  process.stderr.write(`ClickHouse could not be started: ${error.message}\n`)
  process.exit(1)
})
server.once('exit', (code) => process.exit(code ?? 1))
const id = server.pid === undefined ? null : identify(server.pid)
if (id !== null) {
  writeFileSync(`${pidFile}.new`, JSON.stringify(id))
  renameSync(`${pidFile}.new`, pidFile)
}

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
  process.on(signal, () => {
    server.stdin.end()
    setTimeout(() => server.kill('SIGKILL'), Number(graceMs)).unref()
  })
}
