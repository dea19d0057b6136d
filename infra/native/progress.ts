/** One line of progress: which part, what happened, and seconds since the operation began. */
export interface Progress {
  readonly part: string
  readonly message: string
  readonly seconds: number
}

export type OnProgress = (progress: Progress) => void

/** Says something about a part; knows when the whole operation began. */
export type Say = (part: string, message: string) => void

export function progressFrom(onProgress: OnProgress | undefined, nowMs: () => number): Say {
  const startedMs = nowMs()
  return (part, message) => onProgress?.({ part, message, seconds: (nowMs() - startedMs) / 1000 })
}

export function formatProgress({ part, message, seconds }: Progress): string {
  return `[${seconds.toFixed(1).padStart(6)} s] ${part.padEnd(10)} ${message}`
}
