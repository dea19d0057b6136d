import { controlCells } from './control-cells.ts'
import { nullWorlds } from './null-worlds.ts'
import { powerCells } from './power-cells.ts'
import { sliceCells } from './slice-cells.ts'

export const cells = [...nullWorlds, ...powerCells, ...sliceCells, ...controlCells]
