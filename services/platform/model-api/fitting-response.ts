/** Bytes that the texts of one record may have; the rest of it has room below the broker's batch limit. */
export const recordTextBytesMax = 850_000

/** What of a response can be long. */
export interface Said {
  readonly output: string
  readonly refusal: string | null
  readonly tool_calls: readonly { readonly name: string; readonly arguments: string }[]
  /** Some of it is missing. */
  readonly truncated: boolean
}

export interface FittingResponse<Response extends Said> {
  readonly response: Response
  /** Bytes of its texts. */
  readonly bytes: number
  /** It lost the end of its output, or all that was said, and is `truncated`. */
  readonly isCut: boolean
}

/** A response whose texts have at most `roomBytes`: the output loses its end; where the rest alone is too large, everything goes but that there was a refusal. */
export function fittingResponse<Response extends Said>(
  response: Response,
  roomBytes: number,
): FittingResponse<Response> {
  const { output, refusal, tool_calls: calls } = response
  const otherBytes = Buffer.byteLength(
    [refusal ?? '', ...calls.flatMap((call) => [call.name, call.arguments])].join(''),
  )
  const bytes = Buffer.byteLength(output) + otherBytes
  if (bytes <= roomBytes) return { response, bytes, isCut: false }
  const short = shortened(response, roomBytes - otherBytes)
  return { response: short, bytes: Math.max(0, Math.min(bytes, roomBytes)), isCut: true }
}

/** Cutting may leave a broken character at the end, which is written with three bytes. */
const brokenCharacterBytes = 3

function shortened<Response extends Said>(response: Response, outputBytes: number): Response {
  const keptBytes = outputBytes - brokenCharacterBytes
  if (keptBytes >= 0) {
    const output = Buffer.from(response.output).subarray(0, keptBytes).toString('utf8')
    return { ...response, output, truncated: true }
  }
  const refusal = response.refusal === null ? null : 'refused'
  return { ...response, output: '', tool_calls: [], refusal, truncated: true }
}
