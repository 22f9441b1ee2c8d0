/**
 * `npm run test:pooled`: the end-to-end and worker tests with every statement of the code under test going through Debian's
 * PgBouncer in transaction mode. Exit status: that of the tests; 0 with a word where there is no PgBouncer.
 */
import { spawn } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedPostgres } from '../src/embedded/index.ts';
import { ensurePgBouncer, startPgBouncer } from '../test/support/pgbouncer.ts';

const missing = ensurePgBouncer();
if (missing !== undefined) {
  console.log(`skipped: ${missing}`);
} else {
  process.exitCode = await testPooled();
}

async function testPooled(): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'tasker-pooled-'));
  await chmod(folder, 0o755);
  const server = await startEmbeddedPostgres({
    dataDir: join(folder, 'postgres'),
    settings: { fsync: 'off', full_page_writes: 'off', max_connections: '300', log_min_duration_statement: '-1' },
  });
  const pooler = await startPgBouncer(server.url(), join(folder, 'pgbouncer'));
  console.log(`${pooler.version} in transaction mode`);
  try {
    const tests = spawn(
      process.execPath,
      ['node_modules/vitest/vitest.mjs', 'run', 'test/e2e', 'test/worker', ...process.argv.slice(2)],
      {
        stdio: 'inherit',
        env: {
          ...process.env,
          TEST_DATABASE_URL: server.url(),
          TEST_POOLER_PORT: String(pooler.port),
          TASKER_POOLED: 'true',
        },
      },
    );
    return await new Promise((ended) => tests.on('exit', (code) => ended(code ?? 1)));
  } finally {
    await pooler.stop();
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}
