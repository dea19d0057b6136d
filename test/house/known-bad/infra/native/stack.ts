export const brokers = 'localhost:9092'
