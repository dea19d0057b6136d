import semver from 'semver'

export const version = semver
export const neverUsed = 1
export type NeverUsed = string
