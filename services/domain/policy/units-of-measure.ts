const durationMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `500ms`, `30s`, `15m`, `24h`, `7d` → milliseconds, rounded; null when it is none of these. */
export function parseDuration(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text)
  const factor = match?.[2] === undefined ? undefined : durationMs[match[2]]
  return factor === undefined ? null : Math.round(Number(match?.[1]) * factor)
}

/** `12.5%` → parts of 100000; null when it is no percentage between 0 and 100 with at most three decimals. */
export function parseWeight(text: string): number | null {
  const match = /^(\d{1,3}(?:\.\d{1,3})?)%$/.exec(text)
  if (match === null) return null
  const parts = Math.round(Number(match[1]) * 1_000)
  return parts <= 100_000 ? parts : null
}

/** Milliseconds as people write them: the largest unit that keeps two significant parts. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)}ms`
  if (ms < 60_000) return `${trimmed(ms / 1_000)}s`
  if (ms < 3_600_000) return twoUnits(ms, 'm', 's')
  if (ms < 86_400_000) return twoUnits(ms, 'h', 'm')
  return twoUnits(ms, 'd', 'h')
}

/** Parts of 100000 as a percentage. */
export function formatWeight(parts: number): string {
  return `${trimmed(parts / 1_000, 3)}%`
}

function twoUnits(ms: number, large: 'm' | 'h' | 'd', small: 's' | 'm' | 'h'): string {
  const largeMs = durationMs[large] ?? 1
  const smallMs = durationMs[small] ?? 1
  const whole = Math.floor(ms / largeMs)
  const rest = Math.floor((ms - whole * largeMs) / smallMs)
  return rest === 0 ? `${whole}${large}` : `${whole}${large} ${rest}${small}`
}

function trimmed(value: number, decimals = 1): string {
  return String(Number(value.toFixed(decimals)))
}
