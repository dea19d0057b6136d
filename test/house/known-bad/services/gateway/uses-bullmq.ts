import * as client from 'bullmq'

export const used = client
