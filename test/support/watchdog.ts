/** The program behind start-watchdog.ts: waits for the end of its input, then removes everything that the run has left. */
import { readdir, readFile, rm } from 'node:fs/promises';
import { Client } from 'pg';
import { dropDatabase } from '../../src/embedded/databases.ts';
import { stopEmbeddedPostgres } from '../../src/embedded/start.ts';
import { continueServer } from './stopped-server.ts';
import { KEEP, type Watched } from './start-watchdog.ts';
import { databasePrefix, runMarker } from './test-run.ts';

/** The watchdog itself ends after this time in any case. */
const cleanUpWithinMs = 25_000;

const watched = JSON.parse(process.argv[2] ?? '{}') as Watched;
let input = '';
process.stdin.setEncoding('utf8').on('data', (text: string) => (input += text));
process.stdin.on('end', cleanUp);
// If the other side is killed there is a reset instead of an end.
process.stdin.on('error', cleanUp);

async function cleanUp(): Promise<void> {
  setTimeout(() => {
    console.error(`test watchdog: gave up after ${cleanUpWithinMs} ms; look at ${watched.folder}`);
    process.exit(1);
  }, cleanUpWithinMs).unref();
  for (const dataDir of watched.dataDirs) {
    // A stopped server (SIGSTOP) does not react to the signal that ends it.
    await continueServer(dataDir);
    await stopEmbeddedPostgres({ dataDir, mode: 'immediate' });
  }
  await killProcessesOfRun();
  if (watched.givenUrl !== undefined) await dropDatabasesOfRun(watched.givenUrl);
  if (input === KEEP) process.exit(0);
  await rm(watched.folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  process.exit(0);
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

/** Kills processes with this run's mark in their environment: those that the tests started and did not end. Linux only. */
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
      // It ended by itself meanwhile.
    }
  }
}
