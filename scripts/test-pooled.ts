/**
 * `npm run test:pooled`: the end-to-end and worker tests with every statement of the code under test through Debian's
 * PgBouncer in transaction mode, then the order fulfillment example as it is deployed: through the pooler, with a direct
 * connection for uses that need a session. Exit status: that of the tests, then that of the example; 0 with a message if
 * there is no PgBouncer.
 */
import { spawn } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { createDatabase } from '../src/embedded/databases.ts';
import { startEmbeddedPostgres } from '../src/embedded/start.ts';
import { ensurePgBouncer, type PgBouncer, startPgBouncer } from '../test/support/pgbouncer.ts';

const EXAMPLE = 'order_fulfillment';
/** 30 orders have 240 steps. */
const LEAST_TRANSACTIONS = 100;

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
    const status = await node(
      ['node_modules/vitest/vitest.mjs', 'run', 'test/e2e', 'test/worker', ...process.argv.slice(2)],
      {
        TEST_DATABASE_URL: server.url(),
        TEST_POOLER_PORT: String(pooler.port),
      },
    );
    return status === 0 ? await runExample(await createDatabase(server.url(), EXAMPLE), pooler, folder) : status;
  } finally {
    await pooler.stop();
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** The first orders of the example, with all its checks. Fails if hardly any transaction went through the pooler. */
async function runExample(url: string, pooler: PgBouncer, folder: string): Promise<number> {
  const status = await node(
    [
      'examples/order-fulfillment/start.ts',
      '--exit',
      '--tasks',
      '30',
      '--data',
      join(folder, 'example'),
      '--port',
      '21400',
    ],
    { DATABASE_URL: pooler.url(url), DATABASE_URL_DIRECT: url },
  );
  const transactions = await transactionsThrough(pooler, EXAMPLE);
  console.log(`order fulfillment: status ${status}, ${transactions} transactions through PgBouncer`);
  return status === 0 && transactions < LEAST_TRANSACTIONS ? 1 : status;
}

async function transactionsThrough(pooler: PgBouncer, database: string): Promise<number> {
  const console = new pg.Client({ host: '127.0.0.1', port: pooler.port, user: 'postgres', database: 'pgbouncer' });
  await console.connect();
  try {
    const { rows } = await console.query<{ database: string; xact_count: string }>('SHOW STATS_TOTALS');
    return Number(rows.find((row) => row.database === database)?.xact_count ?? 0);
  } finally {
    await console.end();
  }
}

async function node(args: string[], env: Record<string, string>): Promise<number> {
  const child = spawn(process.execPath, args, {
    stdio: 'inherit',
    env: { ...process.env, ...env, TASKER_POOLED: 'true' },
  });
  return new Promise((ended) => child.on('exit', (code) => ended(code ?? 1)));
}
