import { inject } from 'vitest'
import { markerVariable } from '../../infra/native/processes.ts'
import {
  type ServiceProcess,
  type ServiceProcessOptions,
  startServiceProcess,
} from '../../scripts/installation/service-process.ts'

/** Starts a service that the reaper of the run's stack ends with it, even when the run is killed. */
export function startTestService(options: ServiceProcessOptions): ServiceProcess {
  const mark = { [markerVariable]: `${inject('stack').dir}/services` }
  return startServiceProcess({ ...options, environment: { ...options.environment, ...mark } })
}
