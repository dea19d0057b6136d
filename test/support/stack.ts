import { inject } from 'vitest'
import { openStack, type Stack } from '../../infra/native/stack.ts'
import type { StackAddresses } from '../../infra/native/state.ts'

/** What test/support/global-setup.ts provides: where the servers of this test run are. */
export interface TestStack extends StackAddresses {
  readonly dir: string
}

declare module 'vitest' {
  interface ProvidedContext {
    stack: TestStack
  }
}

/** The servers of this test run, with handles to break and mend them. Whoever breaks one mends it before the test ends. */
export function testStack(): Stack {
  return openStack(inject('stack').dir)
}
