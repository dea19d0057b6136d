import { access } from 'node:fs/promises'
import type { Logger } from '../platform/log/logger.ts'

/** Follows a file whose existence is a local kill. */
export interface KillFileWatch {
  stop(): Promise<void>
}

/**
 * Looks every `everyMs`, off the loop that proxies; resolves once the first look is done, so that nothing is served before it. While nobody can
 * say whether the file exists, what was seen last holds.
 */
export async function watchKillFile(
  path: string,
  options: { readonly everyMs: number; readonly log: Logger; onSeen(exists: boolean): void },
): Promise<KillFileWatch> {
  let unsure = false
  const look = async (): Promise<void> => {
    const seen = await exists(path)
    if (typeof seen === 'boolean') options.onSeen(seen)
    else if (!unsure)
      options.log.error({ err: seen.message }, 'the kill file cannot be looked at; what it said last holds')
    unsure = typeof seen !== 'boolean'
  }
  await look()
  let stopped = false
  let timer = setTimeout(again, options.everyMs)
  function again(): void {
    void look().finally(() => {
      if (!stopped) timer = setTimeout(again, options.everyMs)
    })
  }
  return {
    async stop() {
      stopped = true
      clearTimeout(timer)
    },
  }
}

async function exists(path: string): Promise<boolean | Error> {
  try {
    await access(path)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return code === 'ENOENT' || code === 'ENOTDIR' ? false : (error as Error)
  }
}
