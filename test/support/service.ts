import type { ServiceProcess, ServiceProcessOptions } from '../../scripts/installation/service-process.ts'
import { startMarkedService } from './marked-service.ts'
import { testServers } from './stack.ts'

/** Starts a service that the reaper of the run's stack ends with it, even when the run is killed. */
export function startTestService(options: ServiceProcessOptions): ServiceProcess {
  return startMarkedService(testServers().dir, options)
}
