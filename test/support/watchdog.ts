/** The program behind start-watchdog.ts: waits for the end of its input, then removes what the run leaves behind. */
import { readdir, readFile, rm } from 'node:fs/promises';
import { Client } from 'pg';
import { dropDatabase, stopEmbeddedPostgres } from '../../src/embedded/index.ts';
import type { Watched } from './start-watchdog.ts';
import { databasePrefix, runMarker } from './test-run.ts';

/** Whatever happens, the watchdog itself does not stay behind. */
const cleanUpWithinMs = 25_000;

const watched = JSON.parse(process.argv[2] ?? '{}') as Watched;
process.stdin.resume();
process.stdin.on('end', cleanUp);
// A reset instead of an end, where the other side is killed.
process.stdin.on('error', cleanUp);

async function cleanUp(): Promise<void> {
  setTimeout(() => {
    console.error(`test watchdog: gave up after ${cleanUpWithinMs} ms; look at ${watched.dataDir ?? watched.runId}`);
    process.exit(1);
  }, cleanUpWithinMs).unref();
  await killProcessesOfRun();
  if (watched.dataDir !== undefined) await removeServer(watched.dataDir);
  else if (watched.adminUrl !== undefined) await dropDatabasesOfRun(watched.adminUrl);
  process.exit(0);
}

/** Twice, because a run that was killed in the middle of starting its server may still bring it up. */
async function removeServer(dataDir: string): Promise<void> {
  await stopEmbeddedPostgres({ dataDir, mode: 'immediate' });
  await rm(dataDir, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
}

async function dropDatabasesOfRun(adminUrl: string): Promise<void> {
  const client = new Client({ connectionString: adminUrl });
  await client.connect();
  const { rows } = await client.query<{ datname: string }>(
    'SELECT datname FROM pg_database WHERE starts_with(datname, $1)',
    [databasePrefix(watched.runId)],
  );
  await client.end();
  for (const { datname } of rows) await dropDatabase(adminUrl, datname);
}

/** The processes that carry this run's mark in their environment: started by tests that could not end them. Linux only. */
async function killProcessesOfRun(): Promise<void> {
  if (process.platform !== 'linux') return;
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  for (const pid of pids) {
    const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
    if (!environment.split('\0').includes(`${runMarker}=${watched.runId}`)) continue;
    console.error(`test watchdog: killing process ${pid}, left behind by a test`);
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended by itself just now.
    }
  }
}
