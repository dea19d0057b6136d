import { inject } from 'vitest'
import { startServiceInstallation, type TestInstallation } from './service-installation.ts'

/** Starts everything on the servers of this test run. `name` is a word of its own per test file. */
export function startTestInstallation(name: string, providers: object): Promise<TestInstallation> {
  return startServiceInstallation(inject('stack'), { name, providers })
}
