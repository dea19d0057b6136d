import { dirname, resolve } from 'node:path'
import { z } from 'zod'
import { ConfigError } from '../config/config-error.ts'
import { readSettingsFile, textOf } from '../config/settings-file.ts'

/** How connections to the brokers are encrypted, and as whom they are made. */
export interface BrokerSecurity {
  /** PEM texts; without `ca` the authorities that Node knows are believed. Null: in clear. */
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string } | null
  /** Null: as nobody, or as the certificate says. */
  readonly sasl: Account | null
}

export interface Account {
  readonly mechanism: (typeof mechanisms)[number]
  readonly username: string
  readonly password: string
}

const mechanisms = ['scram-sha-512', 'scram-sha-256', 'plain'] as const

export const unsecured: BrokerSecurity = { tls: null, sasl: null }

const path = z.string().min(1)
const schema = z.strictObject({
  tls: z
    .strictObject({ ca: path.optional(), certificate: path.optional(), key: path.optional() })
    .refine(({ certificate, key }) => (certificate === undefined) === (key === undefined), {
      message: 'a certificate needs its key, and a key its certificate',
    })
    .optional(),
  sasl: z.strictObject({ mechanism: z.enum(mechanisms), username: z.string().min(1), passwordFile: path }).optional(),
})

/**
 * Reads `tls` (`ca`, `certificate`, `key`: PEM files) and `sasl` (`mechanism`, `username`, `passwordFile`) from a YAML file; paths in it are relative to it. Throws ConfigError.
 */
export function readBrokerSecurity(file: string): BrokerSecurity {
  const { tls, sasl } = readSettingsFile(file, schema).value
  const beside = (name: string) => textOf(resolve(dirname(file), name))
  return {
    tls:
      tls === undefined
        ? null
        : {
            ...(tls.ca === undefined ? {} : { ca: pem(beside, tls.ca) }),
            ...(tls.certificate === undefined ? {} : { cert: pem(beside, tls.certificate) }),
            ...(tls.key === undefined ? {} : { key: pem(beside, tls.key) }),
          },
    sasl:
      sasl === undefined
        ? null
        : { mechanism: sasl.mechanism, username: sasl.username, password: password(beside, sasl.passwordFile) },
  }
}

function pem(beside: (name: string) => string, name: string): string {
  const text = beside(name)
  if (!text.includes('-----BEGIN ')) throw new ConfigError([`${name} is no PEM file; convert it, as with openssl`])
  return text
}

function password(beside: (name: string) => string, name: string): string {
  const text = beside(name).trim()
  if (text === '') throw new ConfigError([`${name} is empty; write the password there`])
  return text
}

/** The setting's type: the path of such a file, or nothing. */
export const brokerSecurityFile = z
  .string()
  .default('')
  .transform((file, context): BrokerSecurity => {
    if (file === '') return unsecured
    try {
      return readBrokerSecurity(file)
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      for (const message of error.problems) context.addIssue({ code: 'custom', message })
      return z.NEVER
    }
  })
