import * as client from 'kafkajs'

export const used = client
