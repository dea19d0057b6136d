import { principalOf, type Right, rightsOf, type Service, services } from '../../flow.ts'
import type { GivenRight } from '../../platform/kafka/broker-inspector.ts'
import { type Check, count, fail, ok, warn } from './check.ts'

const fix = 'give them as infra/kafka/acls.txt says, with kafka-acls --add'

/** What an authoriser lets each service do against the flow. A broker without one lets everybody do everything. */
export function judgeRights(given: readonly GivenRight[] | null): readonly Check[] {
  if (given === null) return [ok('rights', 'the broker has no authoriser: whoever reaches it may do everything')]
  const checks = Object.values<Service>(services).flatMap((service) => judgeService(service, given))
  return checks.length > 0 ? checks : [ok('rights', 'every service may do what services/flow.ts says')]
}

function judgeService(service: Service, given: readonly GivenRight[]): readonly Check[] {
  const principal = principalOf(service.name)
  const own = given.filter((right) => right.principal === principal || right.principal === 'User:*')
  if (!own.some(({ allows }) => allows))
    return [
      warn(
        'rights',
        `nothing is given to ${principal}`,
        `${fix}; if the service goes by another name, look at that one`,
      ),
    ]
  const missing = rightsOf(service).flatMap((right) =>
    right.operations
      .filter((operation) => !isGiven(right, operation, own))
      .map((operation) => `${operation} on ${right.resource} ${right.name}`),
  )
  return missing.length === 0
    ? []
    : [fail('rights', `${principal} lacks ${count(missing.length, 'right')}, first ${missing[0]}`, fix)]
}

/** Who may read or write may also describe, and a refusal outweighs everything, as Kafka has it. */
function isGiven(right: Right, operation: string, given: readonly GivenRight[]): boolean {
  const names = new Set(
    operation === 'Describe' ? ['All', 'Describe', 'Read', 'Write', 'Delete', 'Alter'] : ['All', operation],
  )
  const concerning = given.filter(
    ({ resource, name, prefixed }) =>
      resource === right.resource &&
      (name === '*' || (prefixed ? right.name.startsWith(name) : name === right.name && !right.prefixed)),
  )
  const refused = concerning.some((one) => !one.allows && (one.operation === 'All' || one.operation === operation))
  return !refused && concerning.some((one) => one.allows && one.operation !== null && names.has(one.operation))
}
