import type { FastifyInstance } from 'fastify'
import type { Records } from '../domain/events/records.ts'
import type { ClickHouseStore } from '../platform/clickhouse/clickhouse-store.ts'
import type { Transport } from '../platform/kafka/transport.ts'
import type { Scope } from '../platform/lifecycle/scope.ts'
import type { Codec } from '../platform/registry/codec.ts'
import { readOperations as readDocument } from './api-document.ts'
import { createApiServer } from './api-server.ts'
import { type Handlers, ok } from './call.ts'
import { createCommander } from './commander.ts'
import type { Tokens } from './config.ts'
import type { Doctor } from './doctor/doctor.ts'
import { createEvidenceReader } from './evidence-reader.ts'
import { createPairReader } from './pair-reader.ts'
import { ApiProblem } from './problem.ts'
import { openReadModel, type ReadModel } from './read-model.ts'
import { readOperations } from './read-operations.ts'
import { routeOperations } from './route-operations.ts'
import { runOperations } from './run-operations.ts'
import { type Signs, watchSigns } from './signs.ts'

/** A person who waits for an answer is told rather than kept waiting when Kafka is away. */
const answerWithinMs = 5_000

/** What the API serves by: known when its read models have caught up. */
export interface Serving {
  readonly handlers: Handlers
  readonly model: ReadModel
  readonly signs: Signs
}

/** Reads the topics to their ends on a transport and, for pairs alone, a store. Rejects when the broker is away. */
export async function openServing(
  scope: Scope,
  parts: { readonly transport: Transport; readonly codec: Codec<Records>; readonly store: ClickHouseStore | null },
): Promise<Serving> {
  const { transport, codec, store } = parts
  const { clock } = scope
  const model = await openReadModel(scope, transport, codec)
  const signs = await watchSigns(scope, transport, codec)
  const producer = await transport.producer({ answerWithinMs })
  scope.onStop('producer', () => producer.close())
  const commander = createCommander({ producer, codec, clock, model })
  const deps = { model, commander, clock }
  const handlers = {
    ...readOperations(model, createPairReader(store), createEvidenceReader(store)),
    ...runOperations(deps),
    ...routeOperations(deps),
  }
  return { handlers, model, signs }
}

/** The API, which does not listen yet. Until `serving` says what it serves by, it looks at the installation and refuses everything else. */
export function assembleApi(
  { log, metrics }: Scope,
  parts: { readonly tokens: Tokens; readonly doctor: Doctor; serving(): Serving | null },
): FastifyInstance {
  const { tokens, doctor, serving } = parts
  const served = readDocument().flatMap(({ id }) => (id === 'getDoctor' ? [] : [[id, servedBy(id, serving)] as const]))
  const handlers: Handlers = { ...Object.fromEntries(served), getDoctor: async () => ok(await doctor.report()) }
  return createApiServer({ handlers, tokens, log, metrics })
}

function servedBy(id: string, serving: () => Serving | null): Handlers[string] {
  return async (call) => {
    const handlers = serving()?.handlers
    if (handlers === undefined)
      throw new ApiProblem(
        503,
        'STARTING',
        'the API has not read its topics to their ends yet; ask again, and if it stays so see `penstock doctor`',
      )
    const handle = handlers[id]
    if (handle === undefined) throw new TypeError(`nothing serves the operation ${id}`)
    return handle(call)
  }
}
