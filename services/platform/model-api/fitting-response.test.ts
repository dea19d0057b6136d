import { describe, expect, it } from 'vitest'
import { fittingResponse, type Said } from './fitting-response.ts'

const said = (change: Partial<Said>): Said => ({
  output: '',
  refusal: null,
  tool_calls: [],
  truncated: false,
  ...change,
})

describe('a response that is to fit', () => {
  it('is left as it is where it does', () => {
    const response = said({ output: 'äb', refusal: 'no', tool_calls: [{ name: 'f', arguments: '{}' }] })
    expect(fittingResponse(response, 8)).toEqual({ response, bytes: 8, isCut: false })
    expect(fittingResponse(response, 7).isCut).toBe(true)
  })

  it.each(['x', 'ä', '語', '😀'])('loses the end of its output, also in the middle of %s', (letter) => {
    for (let roomBytes = 20; roomBytes < 30; roomBytes += 1) {
      const { response, bytes, isCut } = fittingResponse(said({ output: letter.repeat(50) }), roomBytes)
      expect([isCut, response.truncated]).toEqual([true, true])
      expect(Buffer.byteLength(response.output)).toBeLessThanOrEqual(roomBytes)
      expect(response.output.length).toBeGreaterThan(2)
      expect(bytes).toBe(roomBytes)
    }
  })

  it('keeps of a refusal and of calls that are too long only that it was refused', () => {
    const long = 'x'.repeat(100)
    const { response } = fittingResponse(said({ refusal: long, tool_calls: [{ name: long, arguments: long }] }), 50)
    expect(response).toMatchObject({ output: '', refusal: 'refused', tool_calls: [], truncated: true })
    expect(fittingResponse(said({ output: long }), 0).response).toMatchObject({ output: '', refusal: null })
  })
})
