export function later(act: () => void): void {
  setTimeout(act, 10)
}
