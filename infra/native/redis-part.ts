import { mkdir, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { type Part, probeTimeoutMs } from './part.ts'

/**
 * A full Redis must refuse, not forget reservations; and what it acknowledged must survive a restart. Writing its title, it would overwrite the
 * environment that the kernel shows, and with it the mark by which it is found.
 */
export function redisConf(port: number, dataDir: string): string {
  return `bind 127.0.0.1
port ${port}
dir ${JSON.stringify(dataDir)}
daemonize no
set-proc-title no
maxmemory 256mb
maxmemory-policy noeviction
appendonly yes
appendfsync everysec
save ""
loglevel notice
`
}

export const redisPart: Part = {
  name: 'redis',
  graceMs: 5000,

  async prepare(place, state) {
    const { command, libraryPath } = state.programs.redis
    const data = join(place.dir, 'data')
    await mkdir(data, { recursive: true })
    const conf = join(place.dir, 'redis.conf')
    await writeFile(conf, redisConf(state.choice.ports.redis, data))
    return { command, args: [conf], cwd: place.dir, env: libraryPath === null ? {} : { LD_LIBRARY_PATH: libraryPath } }
  },

  async probe(state, server) {
    try {
      const info = await askRedis(state.choice.ports.redis, 'INFO server')
      if (info.startsWith('-')) return info.slice(1).trim()
      const pid = /^process_id:(\d+)/m.exec(info)?.[1]
      return pid === String(server.pid) ? null : `another Redis (process ${pid ?? 'unknown'}) answers on its port`
    } catch (error) {
      return (error as Error).message
    }
  },
}

/** Sends one inline command and resolves to what comes back first: enough for a short answer. */
function askRedis(port: number, command: string): Promise<string> {
  return new Promise((done, fail) => {
    const socket = connect({ host: '127.0.0.1', port })
    let received = ''
    const timer = setTimeout(() => socket.destroy(new Error(`no answer in ${probeTimeoutMs} ms`)), probeTimeoutMs)
    socket.setEncoding('utf8')
    socket.once('connect', () => socket.write(`${command}\r\nQUIT\r\n`))
    socket.on('data', (text) => {
      received += text
    })
    socket.once('error', fail)
    socket.once('close', () => {
      clearTimeout(timer)
      done(received)
    })
  })
}
