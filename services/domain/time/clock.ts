/** The two clocks of a process, as an argument: nothing reads the time on its own. */
export interface Clock {
  /** Wall time, milliseconds since the epoch (UTC). May jump; only for records and people. */
  nowMs(): number
  /** Monotonic milliseconds from an arbitrary origin; for ages, leases and durations. */
  monoMs(): number
}
