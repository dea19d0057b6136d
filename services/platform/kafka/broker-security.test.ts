import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { brokerSecurityFile, readBrokerSecurity, unsecured } from './broker-security.ts'

let dir: string

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'penstock-security-'))
})

afterEach(() => rmSync(dir, { recursive: true, force: true }))

const write = (name: string, text: string) => {
  writeFileSync(join(dir, name), text)
  return join(dir, name)
}
const pem = (what: string) => `-----BEGIN ${what}-----\nMIIB\n-----END ${what}-----\n`
const problemsOf = (file: string) => {
  const parsed = brokerSecurityFile.safeParse(file)
  return parsed.success ? [] : parsed.error.issues.map(({ message }) => message.replaceAll(dir, '.'))
}

describe('the file that says how Kafka is reached', () => {
  it('names an authority, a certificate with its key and an account, beside itself', () => {
    write('ca.pem', pem('CERTIFICATE'))
    write('me.pem', pem('CERTIFICATE'))
    write('me.key', pem('PRIVATE KEY'))
    write('password', 'hush\n')
    const file = write(
      'kafka.yaml',
      'tls: { ca: ca.pem, certificate: me.pem, key: me.key }\nsasl: { mechanism: scram-sha-512, username: penstock-sink, passwordFile: password }\n',
    )
    expect(readBrokerSecurity(file)).toEqual({
      tls: { ca: pem('CERTIFICATE'), cert: pem('CERTIFICATE'), key: pem('PRIVATE KEY') },
      sasl: { mechanism: 'scram-sha-512', username: 'penstock-sink', password: 'hush' },
    })
  })

  it('may ask for TLS alone, with the authorities that are believed anyway', () => {
    expect(readBrokerSecurity(write('kafka.yaml', 'tls: {}\n'))).toEqual({ tls: {}, sasl: null })
  })

  it('need not be there', () => {
    expect([brokerSecurityFile.parse(undefined), brokerSecurityFile.parse('')]).toEqual([unsecured, unsecured])
  })

  it.each([
    ['tls: { certificate: me.pem }', './kafka.yaml:1: tls: a certificate needs its key, and a key its certificate'],
    ['ssl: {}', './kafka.yaml:1: Unrecognized key: "ssl"'],
    ['tls: {}\nsasl: { mechanism: gssapi }', expect.stringMatching(/kafka.yaml:2: sasl.mechanism: .*scram-sha-512/)],
    ['tls: { ca: nowhere.pem }', expect.stringContaining('nowhere.pem cannot be read')],
    ['tls: { ca: kafka.yaml }', 'kafka.yaml is no PEM file; convert it, as with openssl'],
    ['tls: [', expect.stringMatching(/kafka.yaml:\d/)],
  ])('%s: says what is wrong and where', (text, problem) => {
    expect(problemsOf(write('kafka.yaml', `${text}\n`))).toContainEqual(problem)
  })

  it('takes no empty password', () => {
    write('password', '\n')
    const file = write('kafka.yaml', 'sasl: { mechanism: plain, username: me, passwordFile: password }\n')
    expect(problemsOf(file)).toEqual(['password is empty; write the password there'])
  })
})
