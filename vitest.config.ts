import { defineConfig } from 'vitest/config'

const ignored = ['**/node_modules/**', '**/dist/**', '.cache/**', 'test/house/known-bad/**']

/** Tests that need real servers, which each file has for itself. */
const onRealParts = {
  globalSetup: ['test/support/global-setup.ts'],
  setupFiles: ['test/support/claim-servers.ts'],
  testTimeout: 120_000,
  hookTimeout: 180_000,
  exclude: [...ignored, '**/*.unit.test.ts'],
}

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{services,scripts,infra,schemas}/**/*.test.ts', 'test/contract/**/*.unit.test.ts'],
          exclude: ignored,
          // The longest properties take 6 s alone, and there are machines that do other things, too.
          testTimeout: 60_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'house',
          include: ['test/house/**/*.test.ts'],
          exclude: ignored,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'simulation',
          include: ['test/simulation/**/*.test.ts'],
          exclude: ignored,
          testTimeout: 120_000,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts', 'test/contract/**/*.test.ts', 'test/regression/**/*.test.ts'],
          // Most of their time is waiting for what was killed: two at once share two cores well.
          sequence: { groupOrder: 3 },
          ...onRealParts,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          // Whole installations, whose leases run out when two of them share two cores.
          fileParallelism: false,
          sequence: { groupOrder: 4 },
          ...onRealParts,
        },
      },
    ],
  },
})
