export type RunId = string
