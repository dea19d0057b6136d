import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rootCertificates } from 'node:tls'
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
/** One that Node knows anyway. */
const authority = rootCertificates[0] ?? ''
const anyKey = () =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
const problemsOf = (file: string) => {
  const parsed = brokerSecurityFile.safeParse(file)
  return parsed.success ? [] : parsed.error.issues.map(({ message }) => message.replaceAll(dir, '.'))
}

describe('the file that says how Kafka is reached', () => {
  it('names an authority and an account, beside itself', () => {
    write('ca.pem', authority)
    write('password', 'hush\n')
    const file = write(
      'kafka.yaml',
      'tls: { ca: ca.pem }\nsasl: { mechanism: scram-sha-512, username: penstock-sink, passwordFile: password }\n',
    )
    expect(readBrokerSecurity(file)).toEqual({
      tls: { ca: authority },
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
    ['tls: {}\nssl: {}', './kafka.yaml:2: Unrecognized key: "ssl"'],
    ['tls: {}\nsasl: { mechanism: gssapi }', expect.stringMatching(/kafka.yaml:2: sasl.mechanism: .*scram-sha-512/)],
    ['tls: { ca: nowhere.pem }', expect.stringContaining('nowhere.pem cannot be read')],
    ['tls: { ca: kafka.yaml }', expect.stringMatching(/kafka.yaml: tls: .*no start line.*are PEM files/)],
    ['tls: [', expect.stringMatching(/kafka.yaml:\d/)],
  ])('%s: says what is wrong and where', (text, problem) => {
    expect(problemsOf(write('kafka.yaml', `${text}\n`))).toContainEqual(problem)
  })

  it('takes no key that is another certificate’s', () => {
    write('me.pem', authority)
    write('me.key', anyKey())
    const file = write('kafka.yaml', 'tls: { certificate: me.pem, key: me.key }\n')
    expect(problemsOf(file)).toEqual([expect.stringMatching(/^\.\/kafka.yaml: tls: .*mismatch/)])
  })

  it('takes no empty password', () => {
    write('password', '\n')
    const file = write('kafka.yaml', 'sasl: { mechanism: plain, username: me, passwordFile: password }\n')
    expect(problemsOf(file)).toEqual(['./password is empty; write the password there'])
  })
})
