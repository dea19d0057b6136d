import { principalOf, type Right, rightsOf, type Service, topics } from '../services/flow.ts'

/** The rights of `services/flow.ts`, one line of `kafka-acls --add` arguments each. */
export function aclLines(flow: readonly Service[]): readonly string[] {
  const deploy = Object.values(topics).map((topic) =>
    lineOf('User:penstock-deploy', {
      resource: 'topic',
      name: topic.name,
      prefixed: false,
      operations: ['Create', 'Describe', 'AlterConfigs'],
    }),
  )
  return [
    ...deploy,
    ...flow.flatMap((service) => rightsOf(service).map((right) => lineOf(principalOf(service.name), right))),
  ]
}

function lineOf(principal: string, { resource, name, prefixed, operations }: Right): string {
  const words = operations.map((operation) => `--operation ${operation}`).join(' ')
  const on = resource === 'cluster' ? '--cluster' : `--${resource} ${name}`
  return `--allow-principal ${principal} ${words} ${on}${prefixed ? ' --resource-pattern-type prefixed' : ''}`
}
