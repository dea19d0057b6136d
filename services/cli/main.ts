#!/usr/bin/env node
import { setTimeout as delay } from 'node:timers/promises'
import { loadCliConfig } from './config.ts'
import { runCli } from './run-cli.ts'

process.exitCode = await runCli(process.argv.slice(2), {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  config: () => loadCliConfig(),
  nowMs: () => Date.now(),
  sleep: (ms) => delay(ms),
})
