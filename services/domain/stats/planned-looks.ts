import { spendingBounds } from './sequential/alpha-spending.ts'

/** Information fractions of the looks: the first falls where power analysis asked for, and there is never one after the last. */
export const lookFractions: readonly number[] = [1 / 2, 2 / 3, 5 / 6, 1]

/**
 * Critical values of a one-sided group-sequential test that spends α by the O'Brien-Fleming type function (see `spendingBounds`), futility not
 * binding. α = .05 at 1/2, 2/3, 5/6, 1: 2.54, 2.18, 1.94, 1.76.
 */
export function plannedLooks(input: {
  readonly alpha: number
  readonly fractions?: readonly number[]
}): readonly { readonly fraction: number; readonly bound: number }[] {
  const fractions = input.fractions ?? lookFractions
  const spending = { kind: 'obrien-fleming' } as const
  const { z } = spendingBounds({ information: fractions, alpha: input.alpha, sides: 1, spending })
  return fractions.map((fraction, index) => ({ fraction, bound: z[index] ?? Number.POSITIVE_INFINITY }))
}
