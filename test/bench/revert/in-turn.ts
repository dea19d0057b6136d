/**
 * Does the same thing on one route after the other, and has each route stood up again while the others have their turn: what is measured always has
 * all of the traffic.
 */
export async function inTurn<Ready, Result>(
  routes: readonly string[],
  count: number,
  steps: {
    standUp(route: string): Promise<Ready>
    measure(ready: Ready): Promise<Result>
  },
): Promise<readonly Result[]> {
  const results: Result[] = []
  const coming: Promise<Ready>[] = []
  const begin = (turn: number) => {
    const route = routes[turn % routes.length]
    if (route === undefined || turn >= count) return
    const ready = steps.standUp(route)
    // Its failure is seen when its turn comes.
    ready.catch(() => undefined)
    coming[turn] = ready
  }
  for (let turn = 0; turn < routes.length; turn += 1) begin(turn)
  for (let turn = 0; turn < count; turn += 1) {
    const ready = await coming[turn]
    if (ready === undefined) break
    results.push(await steps.measure(ready))
    begin(turn + routes.length)
    if ((turn + 1) % 10 === 0) process.stderr.write(`${turn + 1} of ${count}\n`)
  }
  return results
}
