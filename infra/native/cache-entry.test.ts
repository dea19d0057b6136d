import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ensureCached, requireDisk, verifyFile, verifyFolder } from './cache-entry.ts'

let cacheDir = ''

beforeEach(() => {
  cacheDir = mkdtempSync(join(tmpdir(), 'penstock-cache-'))
})

afterEach(() => rmSync(cacheDir, { recursive: true, force: true }))

const abcSha256 = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'

function entry(fill: (folder: string) => Promise<void>) {
  return { cacheDir, name: 'thing-1', part: 'kafka', say: () => undefined, fill }
}

describe('ensureCached', () => {
  it('fills once, also when several ask at the same time', async () => {
    let fills = 0
    const fill = async (folder: string): Promise<void> => {
      fills += 1
      writeFileSync(join(folder, 'a'), 'abc')
    }
    const folders = await Promise.all([ensureCached(entry(fill)), ensureCached(entry(fill)), ensureCached(entry(fill))])
    expect(new Set(folders)).toEqual(new Set([join(cacheDir, 'thing-1')]))
    expect(fills).toBe(1)
    expect(readdirSync(join(cacheDir, 'thing-1'))).toEqual(['a'])
  })

  it('leaves nothing that looks complete when filling fails, and starts from nothing the next time', async () => {
    const failing = ensureCached(
      entry(async (folder) => {
        writeFileSync(join(folder, 'half'), '')
        throw new Error('the network went away')
      }),
    )
    await expect(failing).rejects.toThrow('the network went away')
    expect(existsSync(join(cacheDir, 'thing-1'))).toBe(false)
    await ensureCached(entry(async (folder) => writeFileSync(join(folder, 'whole'), '')))
    expect(readdirSync(join(cacheDir, 'thing-1'))).toEqual(['whole'])
  })

  it('throws away what a run that was killed had begun', async () => {
    mkdirSync(join(cacheDir, 'thing-1.partial'))
    writeFileSync(join(cacheDir, 'thing-1.partial', 'half'), '')
    await ensureCached(entry(async (folder) => writeFileSync(join(folder, 'whole'), '')))
    expect(readdirSync(join(cacheDir, 'thing-1'))).toEqual(['whole'])
  })
})

describe('checksums', () => {
  it('accepts a file that is what was pinned', async () => {
    writeFileSync(join(cacheDir, 'a'), 'abc')
    await expect(verifyFile(join(cacheDir, 'a'), abcSha256)).resolves.toBeUndefined()
    await expect(verifyFolder(cacheDir, { a: abcSha256 })).resolves.toBeUndefined()
  })

  it('refuses another content, a missing file and one that nobody pinned', async () => {
    writeFileSync(join(cacheDir, 'a'), 'abd')
    await expect(verifyFolder(cacheDir, { a: abcSha256 })).rejects.toThrow(/has SHA-256 .*versions.json says ba7816bf/)
    await expect(verifyFolder(cacheDir, { a: abcSha256, b: abcSha256 })).rejects.toThrow('missing: b; not pinned: none')
    await expect(verifyFolder(cacheDir, {})).rejects.toThrow('missing: none; not pinned: a')
  })
})

describe('requireDisk', () => {
  it('says how much is free, how much is needed and where to put it instead', async () => {
    await expect(requireDisk(cacheDir, 1)).resolves.toBeUndefined()
    await expect(requireDisk(cacheDir, 1e18)).rejects.toThrow(/GB free, 1000000000.0 GB are needed.*PENSTOCK_CACHE_DIR/)
  })
})
