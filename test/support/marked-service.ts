import { markerVariable } from '../../infra/native/processes.ts'
import {
  type ServiceProcess,
  type ServiceProcessOptions,
  startServiceProcess,
} from '../../scripts/installation/service-process.ts'

/** Starts a service that the reaper of the stack in `stackDir` ends with it, even when whoever started it is killed. */
export function startMarkedService(stackDir: string, options: ServiceProcessOptions): ServiceProcess {
  const mark = { [markerVariable]: `${stackDir}/services` }
  return startServiceProcess({ ...options, environment: { ...options.environment, ...mark } })
}
