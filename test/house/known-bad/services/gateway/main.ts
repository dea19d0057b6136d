import { version } from './imports-unlisted-package.ts'

export const started = version
