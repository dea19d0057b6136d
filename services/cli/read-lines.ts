import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { PenstockError } from '../domain/outcome/penstock-error.ts'

/** A file that a command was pointed to cannot be used; says which line and what to do. */
export class InputFileError extends PenstockError {
  constructor(message: string) {
    super(message, { code: 'UNUSABLE_FILE' })
  }
}

/** The text of a file, unpacked when its name ends in `.gz`. Throws InputFileError. */
function readTextFile(path: string): string {
  try {
    const bytes = readFileSync(path)
    return (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')
  } catch (error) {
    throw new InputFileError(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** A JSONL file line by line, each read by `read`, which says in a text what is wrong with it. Throws InputFileError for the first bad line. */
export function readLines<T extends object>(path: string, read: (value: unknown) => T | string): readonly T[] {
  return readTextFile(path)
    .split('\n')
    .flatMap((line, index) => {
      if (line.trim() === '') return []
      const found = read(parsed(line, `${path}:${index + 1}`))
      if (typeof found === 'string') throw new InputFileError(`${path}:${index + 1}: ${found}`)
      return [found]
    })
}

/** Throws InputFileError. */
export function readJsonFile(path: string): unknown {
  return parsed(readTextFile(path), path)
}

function parsed(text: string, where: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new InputFileError(`${where}: is no JSON`)
  }
}
