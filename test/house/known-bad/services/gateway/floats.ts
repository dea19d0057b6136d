interface Queue {
  add(job: string): Promise<void>
}

export function enqueue(queue: Queue): void {
  queue.add('judge')
}
