import { transport } from '../../platform/kafka/transport.ts'

export const used = transport
