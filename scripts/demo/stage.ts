import { formatWeight } from '../../services/domain/policy/units-of-measure.ts'
import type { RunView, VerdictView } from './api-views.ts'

/** Where the demonstration speaks: titles, lines and a status line a second. */
export interface Stage {
  title(text: string): void
  say(text: string): void
  note(text: string): void
  status(status: RunView, sent: number): void
  verdict(verdict: VerdictView | null): void
}

export function createStage(): Stage {
  const startedAtMs = Date.now()
  const clock = () => `${((Date.now() - startedAtMs) / 1000).toFixed(1).padStart(6)} s`
  const print = (text: string) => void process.stdout.write(`${text}\n`)
  return {
    title: (text) => print(`\n── ${text} ${'─'.repeat(Math.max(0, 100 - text.length))}`),
    say: print,
    note: (text) => print(`${clock()}  ${text}`),
    status(status, sent) {
      const where = `${status.phase}${status.stage === null || status.stage === status.phase ? '' : `/${status.stage}`} ${formatWeight(status.candidateWeight)}`
      print(
        `${clock()}  ${where.padEnd(24)} ${String(sent).padStart(5)} sent  ${status.decisionCode}: ${status.decisionReason}`,
      )
    },
    verdict(verdict) {
      for (const metric of verdict?.metrics ?? []) {
        if (metric.n === 0) continue
        const rate = (value: number | null) => (value === null ? '    –' : `${(value * 100).toFixed(1)} %`.padStart(7))
        const interval =
          metric.intervalLow === null || metric.intervalHigh === null
            ? ''
            : ` [${(metric.intervalLow * 100).toFixed(1)}, ${(metric.intervalHigh * 100).toFixed(1)}] points`
        print(
          `  ${metric.test.padEnd(48)} ${metric.state.padEnd(13)} n ${String(metric.n).padStart(5)}  baseline ${rate(metric.baselineValue)}  candidate ${rate(metric.candidateValue)}${interval}`,
        )
      }
    },
  }
}
