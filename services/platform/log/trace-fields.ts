/**
 * W3C Trace Context: version, trace id, parent id and flags, lower case. Version 00 has nothing behind its flags, `ff` is no version, and an id of zeros is none.
 * https://www.w3.org/TR/trace-context/#traceparent-header-field-values
 */
const wellFormed =
  /^(?!ff)(?!00-.{53})[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-[\x20-\x7e]*)?$/

/** How a line of the log names the exchange that it is about: by the id of its records, and by the trace that its caller asked in. */
export interface ExchangeFields {
  readonly exchange: string
  readonly trace?: string
}

/** The trace id of a `traceparent` as a field of the log. No field for one that is not well-formed: the header is the caller's text, and would be a text in the log. */
export function traceFields(traceparent: string | null): { readonly trace?: string } {
  const trace = wellFormed.exec(traceparent ?? '')?.[1]
  return trace === undefined ? {} : { trace }
}
