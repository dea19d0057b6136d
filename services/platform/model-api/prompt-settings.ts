import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { z } from 'zod'
import { ConfigError } from '../config/config-error.ts'

const text = z.string().min(1).optional()

/** Prompts of a route by version: a system prompt, a template around what the user says last, or both, here or in a file beside the settings. */
export const promptSettings = z
  .record(z.string().min(1), z.strictObject({ system: text, systemFile: text, user: text, userFile: text }))
  .optional()

/** A prompt as it is used; null parts leave what the caller sent. */
export interface ReadPrompt {
  readonly system: string | null
  readonly user: string | null
}

/** Reads what the settings of a route name; a user part must hold `userSlot` somewhere. Throws ConfigError with every prompt that cannot be used and why. Null: the route keeps no prompts. */
export function readPrompts(
  route: { readonly id: string; readonly prompts?: z.infer<typeof promptSettings> },
  settingsPath: string,
  userSlot: string,
): Readonly<Record<string, ReadPrompt>> | null {
  if (route.prompts === undefined) return null
  const problems: string[] = []
  const read = Object.entries(route.prompts).map(([version, given]): [string, ReadPrompt] => {
    const at = `route ${route.id}: prompts.${version}`
    const part = (name: 'system' | 'user', here: string | undefined, path: string | undefined): string | null => {
      if (here !== undefined && path !== undefined)
        problems.push(`${at}: ${name} and ${name}File are both given; keep one`)
      if (path === undefined) return here ?? null
      try {
        return readFileSync(resolve(dirname(settingsPath), path), 'utf8')
      } catch (cause) {
        problems.push(`${at}.${name}File: ${path} cannot be read (${(cause as NodeJS.ErrnoException).code})`)
        return null
      }
    }
    const system = part('system', given.system, given.systemFile)
    const user = part('user', given.user, given.userFile)
    if (user !== null && !user.includes(userSlot))
      problems.push(`${at}.user: says nowhere ${userSlot}, so that what the user said would be lost`)
    if (system === null && user === null) problems.push(`${at}: is empty; give it a system or a user part`)
    return [version, { system, user }]
  })
  if (problems.length > 0) throw new ConfigError(problems)
  return Object.fromEntries(read)
}

/** The prompt of a version: null where it is the caller's to send, `unknown` where the route keeps prompts and not this one. */
export function promptOf(
  prompts: Readonly<Record<string, ReadPrompt>> | null | undefined,
  version: string | null,
): ReadPrompt | null | 'unknown' {
  if (prompts == null || version === null) return null
  return Object.hasOwn(prompts, version) ? (prompts[version] ?? 'unknown') : 'unknown'
}
