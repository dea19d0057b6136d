import { afterAll } from 'vitest'
import { claimServers } from './stack.ts'

/** Runs before each file that needs servers, and lets go of them behind its last hook. */
const lock = await claimServers()
afterAll(() => lock.release())
