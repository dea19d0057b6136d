import { afterAll, beforeAll, describe } from 'vitest'
import type { Transport } from '../../services/platform/kafka/transport.ts'
import type { ContractContext } from './contract-probes.ts'
import { groupContract } from './transport-contract-groups.ts'
import { logContract } from './transport-contract-log.ts'
import { transactionContract } from './transport-contract-transactions.ts'

/** What every transport must do, whatever it is made of. Runs against the real broker and against the fake that unit tests use. */
export interface ContractSubject {
  /** A further client of the same broker. */
  open(): Transport
}

let topics = 0

export function transportContract(name: string, subject: () => ContractSubject): void {
  describe(`transport contract: ${name}`, () => {
    let transport: Transport
    beforeAll(() => {
      transport = subject().open()
    })
    afterAll(() => transport.close())
    const context: ContractContext = {
      transport: () => transport,
      async topic(partitions, config = {}) {
        topics += 1
        const topic = `contract-${topics}`
        await transport.ensureTopics([{ name: topic, partitions, config }])
        return topic
      },
    }
    logContract(context)
    groupContract(context)
    transactionContract(context)
  })
}
