export function schedule(act: () => Promise<void>): void {
  setTimeout(async () => {
    await act()
  }, 10)
}
