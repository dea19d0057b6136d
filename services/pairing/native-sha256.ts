import { hash } from 'node:crypto'
import type { Sha256Hex } from '../domain/scoring/normalise.ts'

/** SHA-256 as OpenSSL computes it: hashing texts was most of what an answer cost pairing. */
export const nativeSha256: Sha256Hex = (data) => hash('sha256', data, 'hex')
