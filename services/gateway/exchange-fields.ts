import { type ExchangeFields, traceFields } from '../platform/log/trace-fields.ts'
import type { TapRequest } from './tap-messages.ts'

/** A tenant of whom nothing is captured is promised that nothing of what it sends is kept: its trace is not in the records, and so not in the log. */
export function exchangeFields(
  exchange: string,
  { traceparent, capture }: Pick<TapRequest, 'traceparent' | 'capture'>,
): ExchangeFields {
  return { exchange, ...(capture === 'none' ? {} : traceFields(traceparent)) }
}
