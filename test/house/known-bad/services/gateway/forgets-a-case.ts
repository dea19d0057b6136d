export function weight(arm: 'baseline' | 'candidate'): number {
  switch (arm) {
    case 'baseline':
      return 0
  }
  return 1
}
