export interface Api {
  readonly Run: string
}

export const notOnlyTypes = 1
