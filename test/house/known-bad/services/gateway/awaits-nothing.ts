export async function now(): Promise<number> {
  return await 1
}
