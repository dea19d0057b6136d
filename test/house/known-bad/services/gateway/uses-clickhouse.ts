import * as client from '@clickhouse/client'

export const used = client
