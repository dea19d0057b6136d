/** Limits and addresses of a gateway on a free port, for the tests that start one. */
export const sampleGatewayConfig = {
  host: '127.0.0.1',
  port: 0,
  hashKey: 'a-key-for-the-hashes',
  legTimeoutMs: 5_000,
  drainMs: 5_000,
  drainLeadMs: 0,
  bodyBytesMax: 1_000_000,
  bodiesBytesMax: 10_000_000,
  requestTimeoutMs: 60_000,
  requestsMax: 10,
  loopHeldMaxMs: 10_000,
} as const
