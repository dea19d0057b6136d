export enum Arm {
  Baseline = 'baseline',
}
