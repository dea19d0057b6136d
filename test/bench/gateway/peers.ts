import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../../infra/native/ports.ts'
import { type Place, startProgram, type Target } from './place.ts'

/** A gateway of somebody else's. Null versions are not there. */
interface Peer {
  readonly name: PeerName
  /** Shell commands that install it below `dir`. */
  install(dir: string): readonly string[]
  version(dir: string): string | null
  start(dir: string, place: Place): Promise<Started>
}

export interface Started {
  readonly target: Target
  stop(): Promise<void>
}

export const peerNames = ['nginx', 'node', 'portkey', 'litellm'] as const
export type PeerName = (typeof peerNames)[number]

const nginxProgram = () => ['/usr/sbin/nginx', '/usr/bin/nginx'].find((path) => existsSync(path)) ?? null
const json = { 'content-type': 'application/json' }

const nginx: Peer = {
  name: 'nginx',
  install: () => ['apt-get install -y nginx-light'],
  version() {
    const program = nginxProgram()
    if (program === null) return null
    return /nginx\/(\S+)/.exec(execFileSync('sh', ['-c', `${program} -v 2>&1`], { encoding: 'utf8' }))?.[1] ?? null
  },
  async start(_, place) {
    const port = await freePort()
    const dir = join(place.dir, 'nginx')
    mkdirSync(dir, { recursive: true })
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    const lines = [
      'daemon off; master_process off; pid nginx.pid; error_log error.log;',
      'events { worker_connections 2048; }',
      'http {',
      '  access_log off; keepalive_requests 1000000;',
      ...temporary.map((what) => `  ${what}_temp_path ${what};`),
      `  upstream model { server 127.0.0.1:${place.modelPort}; keepalive 256; keepalive_requests 1000000; }`,
      `  server { listen 127.0.0.1:${port}; location / {`,
      '    proxy_pass http://model; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;',
      '  } }',
      '}',
    ]
    writeFileSync(join(dir, 'nginx.conf'), `${lines.join('\n')}\n`)
    const command = [nginxProgram() ?? 'nginx', '-p', dir, '-c', 'nginx.conf'] as const
    const running = await startProgram(place, 'nginx', command, { url: `http://127.0.0.1:${port}/` })
    const url = `http://127.0.0.1:${port}/v1/chat/completions`
    return { target: { name: 'nginx', url, headers: json, model: 'bench', pids: [running.pid] }, stop: running.stop }
  },
}

/** The floor of our own runtime. */
const node: Peer = {
  name: 'node',
  install: () => [],
  version: () => process.versions.node,
  async start(_, place) {
    const port = await freePort()
    const main = join(import.meta.dirname, 'bare-proxy.ts')
    const command = [process.execPath, main, String(port), String(place.modelPort)] as const
    const running = await startProgram(place, 'node', command, { url: `http://127.0.0.1:${port}/` })
    const url = `http://127.0.0.1:${port}/v1/chat/completions`
    return { target: { name: 'node', url, headers: json, model: 'bench', pids: [running.pid] }, stop: running.stop }
  },
}

const portkeyMain = 'node_modules/@portkey-ai/gateway/build/start-server.js'

const portkey: Peer = {
  name: 'portkey',
  install(dir) {
    const folder = join(dir, 'portkey')
    // With what a plain install takes, streams break off: the adapter to Node's HTTP is held at the version that works.
    const overrides = '{"private":true,"overrides":{"@hono/node-server":"1.13.8"}}'
    return [
      `mkdir -p ${folder}`,
      `echo '${overrides}' > ${folder}/package.json`,
      `npm install --prefix ${folder} --no-audit --no-fund @portkey-ai/gateway`,
    ]
  },
  version(dir) {
    const path = join(dir, 'portkey/node_modules/@portkey-ai/gateway/package.json')
    return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as { readonly version: string }).version : null
  },
  async start(dir, place) {
    const port = await freePort()
    const command = [process.execPath, join(dir, 'portkey', portkeyMain), `--port=${port}`, '--headless'] as const
    const running = await startProgram(place, 'portkey', command, { url: `http://127.0.0.1:${port}/` })
    const headers = {
      ...json,
      authorization: 'Bearer key-of-nobody',
      'x-portkey-provider': 'openai',
      'x-portkey-custom-host': `http://127.0.0.1:${place.modelPort}/v1`,
    }
    const url = `http://127.0.0.1:${port}/v1/chat/completions`
    return { target: { name: 'portkey', url, headers, model: 'bench', pids: [running.pid] }, stop: running.stop }
  },
}

const litellm: Peer = {
  name: 'litellm',
  install(dir) {
    const folder = join(dir, 'litellm')
    return [`python3 -m venv ${folder}`, `${folder}/bin/pip install 'litellm[proxy]'`]
  },
  version(dir) {
    const pip = join(dir, 'litellm/bin/pip')
    if (!existsSync(join(dir, 'litellm/bin/litellm'))) return null
    return /^Version: (.+)$/m.exec(execFileSync(pip, ['show', 'litellm'], { encoding: 'utf8' }))?.[1] ?? null
  },
  async start(dir, place) {
    const port = await freePort()
    const config = join(place.dir, 'litellm.yaml')
    const parameters = {
      model: 'openai/bench',
      api_base: `http://127.0.0.1:${place.modelPort}/v1`,
      api_key: 'key-of-nobody',
    }
    const key = 'sk-bench'
    const settings = {
      model_list: [{ model_name: 'bench', litellm_params: parameters }],
      general_settings: { master_key: key },
    }
    writeFileSync(config, JSON.stringify(settings))
    const command = [
      join(dir, 'litellm/bin/litellm'),
      '--config',
      config,
      '--port',
      String(port),
      '--host',
      '127.0.0.1',
    ]
    const environment = { LITELLM_LOCAL_MODEL_COST_MAP: 'True', LITELLM_LOG: 'ERROR', LITELLM_TELEMETRY: 'False' }
    const running = await startProgram(place, 'litellm', command as [string, ...string[]], {
      url: `http://127.0.0.1:${port}/health/liveliness`,
      environment,
    })
    const headers = { ...json, authorization: `Bearer ${key}` }
    const url = `http://127.0.0.1:${port}/v1/chat/completions`
    return { target: { name: 'litellm', url, headers, model: 'bench', pids: [running.pid] }, stop: running.stop }
  },
}

const peers: readonly Peer[] = [nginx, node, portkey, litellm]
export const chosenPeers = (names: readonly string[]) => peers.filter(({ name }) => names.includes(name))

/** Commands that install what is missing of these peers; empty when nothing is. */
export function missing(names: readonly string[], dir: string): readonly string[] {
  return chosenPeers(names).flatMap((peer) => (peer.version(dir) === null ? peer.install(dir) : []))
}

export function versionsOf(names: readonly string[], dir: string): readonly string[] {
  return chosenPeers(names).map((peer) => `${peer.name} ${peer.version(dir)}`)
}
