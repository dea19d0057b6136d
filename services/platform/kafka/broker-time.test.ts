import { expect, test } from 'vitest'
import { createBrokerTime } from './broker-time.ts'

const minuteMs = 60_000

function clocks() {
  let monoMs = 1_000
  const pass = (ms: number) => {
    monoMs += ms
  }
  return { pass, clock: { nowMs: () => 42, monoMs: () => monoMs } }
}

test('until a record was seen, the host has to do', () => {
  expect(createBrokerTime(clocks().clock).nowMs()).toBe(42)
})

test('the fastest read counts; slow ones change nothing', () => {
  const { clock, pass } = clocks()
  const time = createBrokerTime(clock)
  time.observe(1_000_000)
  pass(5_000)
  time.observe(1_001_000)
  expect(time.nowMs()).toBe(1_005_000)
  time.observe(1_006_000)
  expect(time.nowMs()).toBe(1_006_000)
})

test('a broker whose clock was set back is believed after some minutes, not never', () => {
  const { clock, pass } = clocks()
  const time = createBrokerTime(clock)
  time.observe(10_000_000)
  for (let minute = 1; minute <= 12; minute += 1) {
    pass(minuteMs)
    time.observe(6_000_000 + minute * minuteMs)
  }
  expect(time.nowMs()).toBe(6_000_000 + 12 * minuteMs)
})

test('silence keeps what was known', () => {
  const { clock, pass } = clocks()
  const time = createBrokerTime(clock)
  time.observe(1_000_000)
  pass(60 * minuteMs)
  expect(time.nowMs()).toBe(1_000_000 + 60 * minuteMs)
})
