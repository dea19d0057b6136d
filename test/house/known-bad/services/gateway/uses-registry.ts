import * as client from '@kafkajs/confluent-schema-registry'

export const used = client
