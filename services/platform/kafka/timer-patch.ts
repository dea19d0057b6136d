import { replaceMethod } from './module-patch.ts'

interface RequestQueue {
  throttledUntil: number
  throttleCheckTimeoutId: NodeJS.Timeout | null
  readonly pending: readonly unknown[]
  checkPendingRequests(): void
}

const checkPendingMs = 10

/**
 * kafkajs 2.2.4 re-arms a timer of about 1 ms per connection for ever, also when idle and with a negative delay, which Node 24 warns about
 * (tulios/kafkajs#1751): 2.5 % of a core for nothing. Here the timer is armed only while requests wait or the broker throttles.
 */
export function patchKafkajsTimer(): void {
  const path = 'kafkajs/src/network/requestQueue/index.js'
  replaceMethod(path, 'scheduleCheckPendingRequests', function (this: RequestQueue): void {
    if (this.throttleCheckTimeoutId !== null) return
    const throttledMs = this.throttledUntil - Date.now()
    if (this.pending.length === 0 && throttledMs <= 0) return
    this.throttleCheckTimeoutId = setTimeout(
      () => {
        this.throttleCheckTimeoutId = null
        this.checkPendingRequests()
      },
      Math.max(throttledMs, checkPendingMs),
    )
  })
}
