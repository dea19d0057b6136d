import * as client from 'ioredis'

export const used = client
