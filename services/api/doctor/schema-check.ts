import { schemaTexts } from '../../domain/events/schemas.ts'
import { inspectSubject, type SubjectFacts } from '../../platform/registry/registry-inspector.ts'
import { type Check, fail, listed, ok, reasonOf, warn, within } from './check.ts'

const subjectPrefix = 'penstock.v1.'
const level = 'BACKWARD_TRANSITIVE'

/** Every schema of this code is registered as it is, and only what can read the past may follow it. */
export async function lookAtSchemas(url: string, withinMs: number): Promise<readonly Check[]> {
  const names = Object.keys(schemaTexts) as (keyof typeof schemaTexts)[]
  try {
    const facts = await within(withinMs, () =>
      Promise.all(
        names.map(async (name) => [name, await inspectSubject(url, subjectPrefix + name, schemaTexts[name])] as const),
      ),
    )
    return judgeSchemas(facts)
  } catch (error) {
    const fix =
      'start the registry, or mend PENSTOCK_REGISTRY_URL; services that run, or ran here before, go on with the ids they know'
    return [fail('schemas', `the registry does not answer: ${reasonOf(error)}`, fix)]
  }
}

function judgeSchemas(facts: readonly (readonly [name: string, SubjectFacts])[]): readonly Check[] {
  const named = (holds: (subject: SubjectFacts) => boolean) =>
    facts.filter(([, subject]) => holds(subject)).map(([name]) => name)
  const newer = named(({ version, incompatible }) => version === null && incompatible === null)
  const loose = named((subject) => subject.versions !== null && subject.level !== level)
  const checks = [
    ...facts.flatMap(([name, { incompatible }]) =>
      incompatible === null
        ? []
        : [
            fail(
              'schemas',
              `${name} of this version does not fit what is registered: ${incompatible}`,
              `something else was registered as ${subjectPrefix}${name}: find who did, and delete that version`,
            ),
          ],
    ),
    ...(newer.length === 0
      ? []
      : [fail('schemas', `not registered in this version: ${listed(newer)}`, 'run the deploy step: npm run deploy')]),
    ...(loose.length === 0
      ? []
      : [
          warn(
            'schemas',
            `compatibility is not ${level}: ${listed(loose)}`,
            'run the deploy step, which sets it: npm run deploy',
          ),
        ]),
  ]
  return checks.length > 0 ? checks : [ok('schemas', `all ${facts.length} are registered as this version has them`)]
}
