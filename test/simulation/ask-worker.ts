import type { Worker } from 'node:worker_threads'

/** Sends one question to a worker and resolves with its next message; an error of the worker rejects. */
export function askWorker<Question, Answer>(worker: Worker, question: Question): Promise<Answer> {
  return new Promise((done, fail) => {
    worker.once('error', fail)
    worker.once('message', (answer: Answer) => {
      worker.off('error', fail)
      done(answer)
    })
    worker.postMessage(question)
  })
}
