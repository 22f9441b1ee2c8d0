import { spawn, spawnSync } from 'node:child_process';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { Client } from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { openDatabase } from '../../../src/db/connections/database.ts';
import { examine } from '../../../src/db/doctor/examine.ts';
import { defineStatement } from '../../../src/db/statement.ts';
import {
  createClient,
  createLogger,
  defineWorkflow,
  loadConfig,
  startScheduler,
  startWorker,
} from '../../../src/index.ts';
import { freePort } from '../../support/free-port.ts';
import { scratchFolder } from '../../support/scratch-folder.ts';
import { useTestDatabase } from '../../support/test-database.ts';
import { waitFor } from '../../support/wait-for.ts';

const installed = spawnSync('bash', ['scripts/install-debian.sh', 'pgbouncer'], { encoding: 'utf8' });
const unavailable = installed.status === 0 ? undefined : installed.stderr.trim();
if (unavailable !== undefined) console.log(`the PgBouncer configuration is not tested: ${unavailable}`);

const database = await useTestDatabase();
const log = createLogger({ level: 'silent', role: 'worker', redact: [] });
const pair = defineWorkflow({ namespace: 'pooled', name: 'pair', version: '1.0.0', input: z.object({}) })
  .step('one', () => ({ done: 1 }))
  .step('two', { dependsOn: ['one'] }, () => ({ done: 2 }));

/** Starts PgBouncer with the file that the cluster mounts; only addresses and folders are changed. */
async function startPgBouncer(): Promise<string> {
  const folder = await scratchFolder();
  const port = await freePort();
  const server = new URL(database.url);
  const shipped = await readFile('deploy/k8s/components/pgbouncer/pgbouncer.ini', 'utf8');
  const ini = shipped
    .replace('listen_addr = *', 'listen_addr = 127.0.0.1')
    .replace('listen_port = 6432', `listen_port = ${port}`)
    .replaceAll('/etc/pgbouncer-secret', folder)
    .replace('[pgbouncer]', '[pgbouncer]\nunix_socket_dir =');
  await writeFile(`${folder}/pgbouncer.ini`, ini);
  await writeFile(`${folder}/userlist.txt`, `"${server.username}" "${server.password}"\n`);
  await writeFile(
    `${folder}/databases.ini`,
    `server_tls_sslmode = prefer\n[databases]\ntasker = host=127.0.0.1 port=${server.port} dbname=${database.name}\n`,
  );
  for (const file of ['pgbouncer.ini', 'userlist.txt', 'databases.ini']) await chmod(`${folder}/${file}`, 0o644);

  // It refuses to run as root.
  const user = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
  const child = spawn('/usr/sbin/pgbouncer', [`${folder}/pgbouncer.ini`], {
    ...user,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const exited = new Promise((resolve) => child.once('exit', resolve));
  onTestFinished(async () => {
    child.kill('SIGTERM');
    await exited;
  });
  const url = `postgres://${server.username}:${server.password}@127.0.0.1:${port}/tasker`;
  await waitFor(
    async () => {
      const client = new Client({ connectionString: url });
      await client.connect();
      await client.query('SELECT 1');
      await client.end();
      return true;
    },
    { what: 'PgBouncer to be available' },
  ).catch((error: Error) => {
    throw new Error(`${error.message}\nits output:\n${output}`);
  });
  // This version would log a setting that is unknown to it, or a value that it refuses.
  expect(output).not.toMatch(/ERROR|FATAL|unknown|invalid/);
  return url;
}

describe.skipIf(unavailable !== undefined)('the PgBouncer component', () => {
  test.each([
    ['with a direct connection to the database', true],
    ['alone', false],
  ])('carries a fleet, %s', async (_, direct) => {
    const url = await startPgBouncer();
    const env = {
      DATABASE_URL: url,
      TASKER_POOLED: 'true',
      TASKER_METRICS_PORT: '0',
      ...(direct ? { DATABASE_URL_DIRECT: database.url } : {}),
    };
    const scheduler = await startScheduler({ config: loadConfig('scheduler', env), log });
    onTestFinished(async () => void (await scheduler.stop()));
    const worker = await startWorker({ config: loadConfig('worker', env), workflows: [pair], log });
    onTestFinished(async () => void (await worker.stop()));
    const client = createClient({ url, preparedStatements: false, applicationName: 'pgbouncer test' });
    onTestFinished(() => client.close());

    const taskIds: string[] = [];
    for await (const { taskId } of client.submitMany(
      pair,
      Array.from({ length: 200 }, () => ({ input: {} })),
    ))
      taskIds.push(taskId);
    await waitFor(
      async () => {
        const [row] = await database.query<{ open: string }>(
          'SELECT count(*) AS open FROM tasker.tasker_tasks WHERE NOT complete AND task_id = ANY($1)',
          [taskIds],
        );
        return row?.open === '0';
      },
      { what: 'the tasks to be complete', timeoutMs: 60_000 },
    );
    expect(taskIds).toHaveLength(200);
    expect(await examine(client.db)).toEqual([]);
  });

  test('is detected by a program that is not configured for it: no setting is made on sessions that others use', async () => {
    const url = await startPgBouncer();
    const shown = defineStatement<{ lock: string; idle: string }>()({
      name: 'shown',
      text: `SELECT current_setting('lock_timeout') AS lock, current_setting('idle_in_transaction_session_timeout') AS idle`,
    });
    const db = openDatabase({ url, poolSize: 1, prepared: false, plans: 'pinned' });
    onTestFinished(() => db.close());
    expect(await db.run(shown)).toEqual(await database.query(shown.text));
    expect([db.proxied, db.plans === 'pinned']).toEqual([true, false]);
  });

  test('with settings that would change values, a worker does not start, and its error names the statement that mends them', async () => {
    const url = await startPgBouncer();
    await database.query(`ALTER DATABASE "${database.name}" SET array_nulls = off`);
    onTestFinished(async () => void (await database.query(`ALTER DATABASE "${database.name}" RESET array_nulls`)));
    const env = { DATABASE_URL: url, TASKER_POOLED: 'true', TASKER_METRICS_PORT: '0' };
    await waitFor(
      async () => {
        const client = new Client({ connectionString: url });
        await client.connect();
        const { rows } = await client.query<{ setting: string }>(`SELECT current_setting('array_nulls') AS setting`);
        await client.end();
        return rows[0]?.setting === 'off' || (await endServerSessions());
      },
      { what: 'the pooler to open new sessions' },
    );
    await expect(startWorker({ config: loadConfig('worker', env), workflows: [pair], log })).rejects.toThrow(
      /sessions of this pooler have array_nulls = off.*ALTER ROLE .* SET array_nulls = 'on'/,
    );
  });
});

/** Ends the sessions of the pooler: it opens new ones, with the current settings of the database. */
async function endServerSessions(): Promise<false> {
  await database.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`,
  );
  return false;
}
