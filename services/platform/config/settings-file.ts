import { readFileSync } from 'node:fs'
import type { z } from 'zod'
import { parseYaml, type YamlDocument } from '../documents/yaml-document.ts'
import { ConfigError } from './config-error.ts'

/** What a settings file says, and where in it. */
export interface SettingsFile<T> {
  readonly value: T
  readonly lineOf: YamlDocument['lineOf']
}

/** Reads a YAML file that a setting names. Throws ConfigError with file, line and field of every problem. */
export function readSettingsFile<T>(path: string, schema: z.ZodType<T>): SettingsFile<T> {
  const parsed = parseYaml(textOf(path))
  if (parsed.kind === 'syntax')
    throw new ConfigError(parsed.problems.map(({ line, message }) => `${path}:${line}: ${message}`))
  const { value, lineOf } = parsed.document
  const result = schema.safeParse(value)
  if (result.success) return { value: result.data, lineOf }
  throw new ConfigError(
    result.error.issues.map((issue) => {
      const field = issue.path as (string | number)[]
      const at = issue.code === 'unrecognized_keys' ? [...field, issue.keys[0] ?? ''] : field
      return `${path}:${lineOf(at)}: ${field.length === 0 ? '' : `${field.join('.')}: `}${issue.message}`
    }),
  )
}

/** The text of a file that the configuration names. Throws ConfigError. */
export function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new ConfigError([`${path} cannot be read: ${(error as Error).message}`])
  }
}
