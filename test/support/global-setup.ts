import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, escapeIdentifier } from 'pg';
import type { TestProject } from 'vitest/node';
import { migrateToLatest } from '../../src/db/migrate.ts';
import { createDatabase } from '../../src/embedded/databases.ts';
import { startEmbeddedPostgres } from '../../src/embedded/start.ts';
import { startWatchdog } from './start-watchdog.ts';
import { databasePrefix, runMarker } from './test-run.ts';

/**
 * One PostgreSQL server for the whole run: the server of TEST_DATABASE_URL (its user must be allowed to create databases), or an
 * embedded one in a temporary folder. A watchdog process removes everything, however the run ends.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const id = randomBytes(4).toString('hex');
  const givenUrl = process.env['TEST_DATABASE_URL'];
  const folder = await mkdtemp(join(tmpdir(), 'tasker-test-'));
  // If root runs the tests, the servers run as another user, who needs access to their folders.
  await chmod(folder, 0o755);
  // Hundreds of processes are started from the sources: without it each compiles them again, three quarters of the time of a short command.
  process.env['NODE_COMPILE_CACHE'] ??= join(folder, 'compile-cache');
  const dataDir = join(folder, 'postgres');
  const watchdog = startWatchdog({ runId: id, folder, dataDirs: [dataDir], givenUrl });
  try {
    const adminUrl = givenUrl ?? (await startServer(dataDir, id));
    project.provide('testRun', { id, adminUrl, template: await createTemplate(adminUrl, id), scratchDir: folder });
  } catch (error) {
    await watchdog.cleanUp();
    throw error;
  }
  return () => watchdog.cleanUp();
}

async function startServer(dataDir: string, runId: string): Promise<string> {
  // The server inherits the mark, so that the watchdog finds it even if this process is killed during the start.
  process.env[runMarker] = runId;
  const server = await startEmbeddedPostgres({
    dataDir,
    settings: {
      // Only in tests: their data need not survive a power cut.
      fsync: 'off',
      full_page_writes: 'off',
      max_connections: '300',
      // Lets tests compare commit times with the times that the application wrote.
      track_commit_timestamp: 'on',
      // Slow statements are the benchmarks' subject.
      log_min_duration_statement: '-1',
    },
  });
  // The processes of the test files must not inherit it: the watchdog would kill them.
  delete process.env[runMarker];
  return server.url();
}

/** The template of every test file's database. It allows no connections, because each one would block copying. */
async function createTemplate(adminUrl: string, runId: string): Promise<string> {
  const template = `${databasePrefix(runId)}template`;
  const url = await createDatabase(adminUrl, template);
  await migrateToLatest(url);
  const client = new Client({ connectionString: adminUrl });
  await client.connect();
  await client.query(`ALTER DATABASE ${escapeIdentifier(template)} ALLOW_CONNECTIONS false`);
  await client.end();
  return template;
}
