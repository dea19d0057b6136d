export class Lease {
  constructor(readonly ms: number) {}
}
