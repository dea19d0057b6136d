import { transport } from '../platform/kafka/transport.ts'

export const direct = transport
