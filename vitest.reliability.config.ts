import { defineConfig } from 'vitest/config';
import { SlowestFirst } from './test/support/slowest-first.ts';

/**
 * These measure how long something takes, or expect that nothing but their own load disturbs a fleet. Each runs alone; the others
 * run two at a time, since most of their time they wait for processes.
 */
const ALONE = [
  'autoscaling/autoscaling',
  'history-partitions',
  'large-layouts',
  'many-waiters',
  'migrations',
  'monitoring/prometheus',
  'run-stats',
  'sizing',
].map((name) => `test/reliability/${name}.test.ts`);

const common = {
  pool: 'forks' as const,
  testTimeout: 600_000,
  // The package and the image are made in the first hook that needs them.
  hookTimeout: 180_000,
};

/** The longer suites. TASKER_TEST_LONG=1 runs their long forms. */
export default defineConfig({
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    teardownTimeout: 30_000,
    sequence: { sequencer: SlowestFirst },
    projects: [
      {
        test: {
          ...common,
          name: 'beside another',
          include: ['test/reliability/**/*.test.ts'],
          exclude: ALONE,
          // The long forms load the machine for hours, each by itself.
          maxWorkers: process.env['TASKER_TEST_LONG'] === '1' ? 1 : 2,
          sequence: { groupOrder: 0 },
        },
      },
      { test: { ...common, name: 'alone', include: ALONE, maxWorkers: 1, sequence: { groupOrder: 1 } } },
    ],
  },
});
