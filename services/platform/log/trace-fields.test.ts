import { expect, it } from 'vitest'
import { traceFields } from './trace-fields.ts'

const trace = '4bf92f3577b34da6a3ce929d0e0e4736'
const parent = '00f067aa0ba902b7'

it.each([
  ['sampled', `00-${trace}-${parent}-01`],
  ['not sampled', `00-${trace}-${parent}-00`],
  ['of a later version', `01-${trace}-${parent}-01`],
  ['of a later version that says more', `cc-${trace}-${parent}-01-what-the-future-will-be`],
])('a header that is well-formed, %s, gives its trace id', (_, header) => {
  expect(traceFields(header)).toEqual({ trace })
})

it.each([
  ['missing', null],
  ['empty', ''],
  ['text', 'MARKER-of-a-caller'],
  ['upper case', `00-${trace.toUpperCase()}-${parent}-01`],
  ['upper case in its parent', `00-${trace}-${parent.toUpperCase()}-01`],
  ['a trace id of zeros', `00-${'0'.repeat(32)}-${parent}-01`],
  ['a parent id of zeros', `00-${trace}-${'0'.repeat(16)}-01`],
  ['the version that is not allowed', `ff-${trace}-${parent}-01`],
  ['longer than version 00 allows', `00-${trace}-${parent}-01-more`],
  ['longer without a dash', `01-${trace}-${parent}-011`],
  ['cut short', `00-${trace}-${parent}`],
  ['a trace id that is too short', `00-${trace.slice(1)}-${parent}-01`],
  ['a trace id that is too long', `00-${trace}0-${parent}-01`],
  ['no hex', `00-${trace.replace('4', 'g')}-${parent}-01`],
  ['with a space before it', ` 00-${trace}-${parent}-01`],
  ['on two lines', `00-${trace}-${parent}-01\nMARKER`],
  ['sent twice', `00-${trace}-${parent}-01, 00-${trace}-${parent}-01`],
])('a header that is %s gives no field', (_, header) => {
  expect(traceFields(header)).toEqual({})
})
