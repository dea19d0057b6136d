import { type Service, services, topics } from '../services/flow.ts'

/** Services that write in Kafka transactions: the controller's state, decision and split become visible together or not at all. */
const transactional: ReadonlySet<string> = new Set([services.rolloutController.name])

/**
 * What each service may do, one line of `kafka-acls --add` arguments each: read what it consumes, write what it produces, nothing else.
 * Principals are `User:penstock-<service>`; consumer groups and transactional ids begin with the service's name, as every service's configuration defaults to.
 */
export function aclLines(flow: readonly Service[]): readonly string[] {
  const deploy = Object.values(topics).map(
    (topic) =>
      `--allow-principal User:penstock-deploy --operation Create --operation Describe --operation AlterConfigs --topic ${topic.name}`,
  )
  return [...deploy, ...flow.flatMap(linesOf)]
}

function linesOf(service: Service): readonly string[] {
  const { name } = service
  const principal = `--allow-principal User:penstock-${name}`
  return [
    ...service.consumes.map((topic) => `${principal} --operation Read --operation Describe --topic ${topic}`),
    ...service.produces.map((topic) => `${principal} --operation Write --operation Describe --topic ${topic}`),
    ...(service.consumes.length > 0
      ? [`${principal} --operation Read --operation Describe --group ${name} --resource-pattern-type prefixed`]
      : []),
    ...(transactional.has(name)
      ? [
          `${principal} --operation Write --operation Describe --transactional-id ${name} --resource-pattern-type prefixed`,
        ]
      : []),
  ]
}
