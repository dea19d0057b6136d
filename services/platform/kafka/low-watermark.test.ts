import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createLowWatermark } from './low-watermark.ts'

test('nothing was read, nothing is to commit', () => {
  expect(createLowWatermark().commitOffset()).toBeNull()
})

test('commits the lowest unfinished offset, whatever the order of finishing', () => {
  fc.assert(
    fc.property(
      fc.array(fc.boolean(), { minLength: 1, maxLength: 40 }),
      fc.infiniteStream(fc.nat()),
      (opens, picks) => {
        const watermark = createLowWatermark()
        const open = new Set<number>()
        for (const [index, isOpen] of opens.entries()) {
          watermark.read(index, isOpen ? 'open' : 'done')
          if (isOpen) open.add(index)
        }
        while (open.size > 0) {
          expect(watermark.commitOffset()).toBe(Math.min(...open))
          expect(watermark.openCount).toBe(open.size)
          const chosen = [...open][(picks.next().value ?? 0) % open.size] ?? 0
          open.delete(chosen)
          watermark.finish(chosen)
        }
        expect(watermark.commitOffset()).toBe(opens.length)
      },
    ),
  )
})
