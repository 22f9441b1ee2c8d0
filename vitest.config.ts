import { defineConfig } from 'vitest/config';
import { SlowestFirst } from './test/support/slowest-first.ts';

/**
 * Folders whose tests need no process of their own: they call functions, or what they start in the process ends with each file.
 * One process after the other runs many of their files, so that each imports the engine once, and not once a file.
 */
const SHARED = [
  'api',
  'archive',
  'backoff',
  'client',
  'config',
  'dashboard',
  'db',
  'doctor',
  'documents',
  'engine',
  'errors',
  'explain',
  'http',
  'import-tasker',
  'init',
  'kubernetes',
  'logger',
  'mcp',
  'metrics',
  'migrations',
  'monitoring',
  'plans',
  'reads',
  'scaling',
  'scheduler',
  'schedules',
  'scripts',
  'transactions',
  'views',
  'workflow',
].join('|');

/** In these folders, but they replace a module, or depend on what else the process has in its memory. */
const OWN = ['test/dashboard/links.test.ts', 'test/api/load.test.ts'];

/** Minutes rather than seconds: chaos and long tests have configurations of their own. */
const LONGER = ['test/reliability/**', 'test/chaos/**', 'test/long/**', '**/node_modules/**'];

const common = {
  pool: 'forks' as const,
  // Each file also keeps PostgreSQL busy; more files at once than cores make timing tests fail for lack of air.
  maxWorkers: 2,
  testTimeout: 30_000,
  // Making a database for the file, and waiting for its sessions to end, happen in hooks.
  hookTimeout: 60_000,
};

export default defineConfig({
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    teardownTimeout: 30_000,
    sequence: { sequencer: SlowestFirst },
    projects: [
      {
        test: {
          ...common,
          // Their tests use signals, worker threads and process-wide state.
          name: 'own process',
          include: [`test/!(${SHARED})/**/*.test.ts`, 'test/*.test.ts', 'examples/**/*.vitest.test.ts', ...OWN],
          exclude: LONGER,
        },
      },
      {
        test: {
          ...common,
          name: 'shared process',
          include: [`test/(${SHARED})/**/*.test.ts`],
          exclude: [...LONGER, ...OWN],
          isolate: false,
        },
      },
      {
        test: {
          name: 'types',
          include: [],
          // Each `test` in a *.test-d.ts file passes or fails by the compiler's word. Errors elsewhere are `npm run typecheck`'s.
          typecheck: {
            enabled: true,
            include: ['test/**/*.test-d.ts'],
            tsconfig: 'tsconfig.json',
            ignoreSourceErrors: true,
          },
        },
      },
    ],
  },
});
