import { X509Certificate } from 'node:crypto'
import { dirname, resolve } from 'node:path'
import { createSecureContext } from 'node:tls'
import { z } from 'zod'
import { ConfigError } from '../config/config-error.ts'
import { readSettingsFile, textOf } from '../config/settings-file.ts'

/** How connections to the brokers are encrypted, and as whom they are made. */
export interface BrokerSecurity {
  /** PEM texts; without `ca` the authorities that Node knows are believed. Null: in clear. */
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string } | null
  /** Null: as nobody, or as the certificate says. */
  readonly sasl: {
    readonly mechanism: (typeof mechanisms)[number]
    readonly username: string
    readonly password: string
  } | null
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
  const beside = (name: string) => resolve(dirname(file), name)
  return {
    tls: tls === undefined ? null : usable(file, tls, beside),
    sasl:
      sasl === undefined
        ? null
        : { mechanism: sasl.mechanism, username: sasl.username, password: passwordIn(beside(sasl.passwordFile)) },
  }
}

/** What connections are made with is tried here: later it would look like a broker that is away. */
function usable(
  file: string,
  { ca, certificate, key }: NonNullable<z.infer<typeof schema>['tls']>,
  beside: (name: string) => string,
): NonNullable<BrokerSecurity['tls']> {
  const tls = {
    ...(ca === undefined ? {} : { ca: textOf(beside(ca)) }),
    ...(certificate === undefined ? {} : { cert: textOf(beside(certificate)) }),
    ...(key === undefined ? {} : { key: textOf(beside(key)) }),
  }
  try {
    // A context takes any text for authorities, and knows none then.
    if (tls.ca !== undefined) new X509Certificate(tls.ca)
    createSecureContext(tls)
  } catch (error) {
    throw new ConfigError([
      `${file}: tls: ${(error as Error).message}: \`ca\`, \`certificate\` and \`key\` are PEM files, the key the certificate's and not encrypted`,
    ])
  }
  return tls
}

function passwordIn(path: string): string {
  const text = textOf(path).trim()
  if (text === '') throw new ConfigError([`${path} is empty; write the password there`])
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
