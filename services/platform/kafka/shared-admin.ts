import { setTimeout as delay } from 'node:timers/promises'
import type { Admin, Kafka } from 'kafkajs'
import { transportError } from './transport-error.ts'

/** Asks the brokers something through one connection that all parts of a transport share. */
export interface SharedAdmin {
  /** @throws TransportError when the broker refuses, or when leaders are still moving after several tries. */
  ask<T>(doing: string, call: (admin: Admin) => Promise<T>): Promise<T>
  close(): Promise<void>
}

const tries = 5
const retryFirstMs = 100

/**
 * kafkajs gives up at once where a leader has moved or a new topic is not yet known everywhere, and keeps what it knows of leaders for minutes:
 * such calls are tried again, on a new connection, which asks anew.
 */
export function createSharedAdmin(kafka: Kafka): SharedAdmin {
  let shared: Promise<Admin> | null = null
  const connected = () => {
    shared ??= connect(kafka).catch((cause: unknown) => {
      shared = null
      throw cause
    })
    return shared
  }
  const close = async () => {
    const closing = shared
    shared = null
    await (await closing)?.disconnect()
  }
  return {
    async ask(doing, call) {
      for (let tried = 1; ; tried += 1) {
        const admin = await connected()
        try {
          return await call(admin)
        } catch (cause) {
          const error = transportError(cause, doing)
          // Who may not ask is not let in a second later, and everybody else would wait.
          if (!error.retriable || error.code === 'ACCESS_DENIED' || tried === tries) throw error
          if (tried > 1) await close().catch(() => undefined)
          await delay(retryFirstMs * 2 ** tried)
        }
      }
    },
    close,
  }
}

async function connect(kafka: Kafka): Promise<Admin> {
  const client = kafka.admin()
  try {
    await client.connect()
    return client
  } catch (cause) {
    throw transportError(cause, 'connecting to Kafka')
  }
}
