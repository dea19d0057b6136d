export function judge(): void {
  console.log('verdict')
}
