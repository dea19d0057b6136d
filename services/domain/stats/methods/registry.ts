import { bootstrapMethods } from './bootstrap-methods.ts'
import { clusteredMethods } from './clustered-methods.ts'
import { distributionMethods } from './distribution-methods.ts'
import { judgeMethods } from './judge-methods.ts'
import type { Method } from './method.ts'
import { pairedMethods } from './paired-methods.ts'
import { sequentialMethods } from './sequential-methods.ts'
import { sliceMethods } from './slice-methods.ts'
import { unpairedMethods } from './unpaired-methods.ts'

/** All public methods by name, in the order in which they are listed. */
export const methods: ReadonlyMap<string, Method> = new Map(
  [
    ...distributionMethods,
    ...pairedMethods,
    ...bootstrapMethods,
    ...judgeMethods,
    ...clusteredMethods,
    ...sequentialMethods,
    ...unpairedMethods,
    ...sliceMethods,
  ].map((entry) => [entry.name, entry]),
)
