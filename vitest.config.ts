import { defineConfig } from 'vitest/config'

const ignored = ['**/node_modules/**', '**/dist/**', '.cache/**', 'test/house/known-bad/**']

/** Tests that need real servers: most of their time is waiting for what was killed, so that two files at once, each worker with servers of its own, share two cores well. */
const onRealParts = {
  globalSetup: ['test/support/global-setup.ts'],
  sequence: { groupOrder: 3 },
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
          testTimeout: 20_000,
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
          ...onRealParts,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          ...onRealParts,
        },
      },
    ],
  },
})
