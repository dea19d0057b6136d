import { advanceCells } from './advance-cells.ts'
import { amountCells } from './amount-cells.ts'
import type { Cell } from './cell.ts'
import { claimCells } from './claim-cells.ts'
import { harmCells } from './harm-cells.ts'
import { latencyCells } from './latency-cells.ts'
import { naiveCells, nullCells, peekingCell } from './null-cells.ts'
import { recordedCells } from './recorded-cells.ts'
import { searchCells } from './search-cells.ts'
import { sliceCells } from './slice-cells.ts'

export const cells: readonly Cell[] = [
  ...nullCells,
  ...naiveCells,
  peekingCell,
  ...harmCells,
  ...latencyCells,
  ...advanceCells,
  ...amountCells,
  ...claimCells,
  ...sliceCells,
  ...searchCells,
  ...recordedCells,
]
