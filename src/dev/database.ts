import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../config/config.ts';
import { directUrl } from '../config/direct-url.ts';
import { openDatabase } from '../db/connections/database.ts';
import { passwordOf } from '../db/connections/password.ts';
import { migrateToLatest, migrationStatus } from '../db/migrate.ts';
import { createDatabase, databaseExists, withDatabase } from '../embedded/databases.ts';
import { isInProcessTable } from '../embedded/process-identity.ts';
import { startEmbeddedPostgres } from '../embedded/start.ts';
import { ConfigError } from '../errors.ts';
import { readWorkers } from '../reads/workers.ts';
import { prepareSchedules } from '../schedules/prepare-schedules.ts';

export interface DevServer {
  readonly url: string;
  stop(): Promise<void>;
}

const DATABASE = 'tasker';

/** Makes the folder of `tasker dev`, which git ignores and nobody else reads. One that is there stays as it is. */
export function makeDevFolder(folder: string): void {
  try {
    if (mkdirSync(folder, { recursive: true }) === undefined) return;
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    throw new ConfigError(`the folder ${folder} of the database cannot be made (${code}): name another with --data`);
  }
  chmodSync(folder, 0o700);
  writeFileSync(join(folder, '.gitignore'), '*\n');
}

/** Starts the embedded PostgreSQL of the folder, or finds it running, with a database in it. */
export async function startDevServer(folder: string, log: (line: string) => void): Promise<DevServer> {
  const server = await startEmbeddedPostgres({ dataDir: join(folder, 'postgres'), log });
  try {
    const exists = await databaseExists(server.url(), DATABASE);
    const url = exists ? withDatabase(server.url(), DATABASE) : await createDatabase(server.url(), DATABASE);
    return { url, stop: () => server.stop('fast') };
  } catch (error) {
    await server.stop('fast');
    throw error;
  }
}

type Connection = Pick<Config, 'databaseUrl' | 'databaseUrlDirect' | 'databasePasswordFile' | 'schema' | 'cronSchema'>;

/** Brings the schema to this version. Returns the names of the migrations that were applied. */
export async function prepareDatabase(config: Connection): Promise<string[]> {
  const { schema, cronSchema } = config;
  const target = { url: directUrl(config), schema, password: passwordOf(config) };
  const applied = await migrateToLatest(target.url, target);
  await prepareSchedules({ ...target, cronSchema });
  return applied;
}

/**
 * Refuses a database on which a fleet runs that this command did not start: it would migrate it, run its tasks with the code
 * of this folder, and set graphs of its workflows aside. Processes of this machine that are gone, such as a `tasker dev`
 * that was killed, do not count.
 */
export async function refuseForeignFleet(config: Connection): Promise<void> {
  const url = config.databaseUrlDirect ?? config.databaseUrl;
  const { schema } = config;
  const password = passwordOf(config);
  const status = await migrationStatus(url, { schema, password });
  if (status.every(({ appliedAt }) => appliedAt === null)) return;
  const db = openDatabase({ url, schema, password, poolSize: 1, applicationName: 'tasker dev' });
  try {
    const living = (await readWorkers(db)).filter(({ name }) => !isGone(name));
    if (living.length === 0) return;
    const names = living.map(({ role, name }) => `${role} ${name}`).join(', ');
    throw new ConfigError(
      `a fleet runs on the database of DATABASE_URL (${names}): tasker dev would run its tasks with the code in this folder, and change its workflows. Stop it, name a database of your own, or unset DATABASE_URL to use the embedded one`,
    );
  } finally {
    await db.close();
  }
}

/** Whether a process, named `<host>:<pid>`, was of this machine and has ended. */
function isGone(name: string): boolean {
  const [host, pid] = [name.slice(0, name.lastIndexOf(':')), Number(name.slice(name.lastIndexOf(':') + 1))];
  return host === hostname() && Number.isInteger(pid) && !isInProcessTable(pid);
}
