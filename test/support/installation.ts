import {
  type ServiceInstallationOptions,
  startServiceInstallation,
  type TestInstallation,
} from './service-installation.ts'
import { testServers } from './stack.ts'

/** Starts everything on the servers of this test run. `name` is a word of its own per test file. */
export function startTestInstallation(
  name: string,
  providers: object,
  environment: ServiceInstallationOptions['environment'] = {},
): Promise<TestInstallation> {
  return startServiceInstallation(testServers(), { name, providers, environment })
}
