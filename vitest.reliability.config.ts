import { defineConfig } from 'vitest/config';

/** The longer suites. TASKER_TEST_LONG=1 runs their long forms. */
export default defineConfig({
  test: {
    include: ['test/reliability/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'forks',
    // These tests kill, stop and load processes: one file at a time.
    maxWorkers: 1,
    // A shared machine that stands still for seconds can fail them once. What fails twice is broken, and a retry is reported.
    retry: process.env['CI'] === undefined ? 0 : 1,
    testTimeout: 600_000,
    hookTimeout: 60_000,
    teardownTimeout: 30_000,
  },
});
