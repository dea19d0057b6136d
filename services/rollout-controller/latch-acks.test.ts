import { expect, test } from 'vitest'
import type { Ack } from '../domain/events/records.ts'
import { createLatchAcks } from './latch-acks.ts'

const ack = (router: string, ...brakes: string[]) => ({ router, brakes }) as unknown as Ack

test('counts the first ack of each router that names a latch heard before', () => {
  let ms = 0
  const seconds: number[] = []
  const acks = createLatchAcks({ nowMs: () => 0, monoMs: () => ms }, (took) => void seconds.push(took))
  acks.heardAck(ack('r1', 'chat/latch/unknown'))
  acks.heardLatch('l1')
  ms = 250
  acks.heardAck(ack('r1', 'chat/kill/k', 'chat/latch/l1'))
  acks.heardLatch('l1')
  ms = 1_000
  acks.heardAck(ack('r1', 'chat/latch/l1'))
  acks.heardAck(ack('r2', 'chat/latch/l1'))
  expect(seconds).toEqual([0.25, 1])
})

test('forgets the oldest latches when there are many', () => {
  const seconds: number[] = []
  const acks = createLatchAcks({ nowMs: () => 0, monoMs: () => 0 }, (took) => void seconds.push(took))
  for (let id = 0; id <= 1_000; id += 1) acks.heardLatch(`l${id}`)
  acks.heardAck(ack('r', 'chat/latch/l0', 'chat/latch/l1'))
  expect(seconds).toEqual([0])
})
