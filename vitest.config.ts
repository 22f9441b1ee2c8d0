import { defineConfig } from 'vitest/config';
import { SlowestFirst } from './test/support/slowest-first.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts', 'examples/**/*.vitest.test.ts'],
    // Minutes rather than seconds: chaos and long tests have configurations of their own.
    exclude: ['test/reliability/**', 'test/chaos/**', 'test/long/**', '**/node_modules/**'],
    globalSetup: ['test/support/global-setup.ts'],
    sequence: { sequencer: SlowestFirst },
    // A process per file: tests use signals, worker threads and process-wide state.
    pool: 'forks',
    // Each file also keeps PostgreSQL busy; more files at once than cores make timing tests fail for lack of air.
    maxWorkers: 2,
    // In CI a test that fails gets one more try, which is reported: the machine there is shared, and may stand still for seconds.
    retry: process.env['CI'] === undefined ? 0 : 1,
    testTimeout: 30_000,
    // Making a database for the file, and waiting for its sessions to end, happen in hooks.
    hookTimeout: 60_000,
    teardownTimeout: 30_000,
    // Type tests: each `test` in a *.test-d.ts file passes or fails by the compiler's word. Errors elsewhere are `npm run typecheck`'s.
    typecheck: { enabled: true, include: ['test/**/*.test-d.ts'], tsconfig: 'tsconfig.json', ignoreSourceErrors: true },
  },
});
