import type { Client } from '../client/client.ts';
import type { Config } from '../config/config.ts';
import { directUrl } from '../config/direct-url.ts';
import { passwordOf } from '../db/connections/password.ts';
import { migrateSession, migrateToLatest } from '../db/migrate.ts';
import { openSession } from '../process/role-database.ts';
import { requireSchema } from '../db/schema-check.ts';
import { taskerErrorCode } from '../errors.ts';
import type { Logger } from '../logger.ts';

export interface PreparedSchema {
  /** Resolves when the database has the schema of this version. */
  readonly ready: Promise<void>;
  /** Resolves when the server works for it, has done so, or does not answer: the program may do what keeps its loop busy. Never rejects. */
  readonly under: Promise<void>;
}

/** A server near by has answered what is asked before a script by then; a server far away, or one on which another program migrates, has not. */
const PATIENCE_MS = 60;

interface Wanted {
  migrate: boolean;
  /** With the tables that a scheduler would make. */
  schedules: boolean;
}

/**
 * Checks the schema, or brings it to this version. A database that a newer version has migrated further stays as it is: in a rollout a
 * program of the former version may start once more.
 */
export function prepareSchema(client: Client, config: Config, log: () => Logger, wanted: Wanted): PreparedSchema {
  const { promise: under, resolve: underWay } = Promise.withResolvers<void>();
  const ready = wanted.migrate ? migrate(client, config, log, wanted, underWay) : requireSchema(client.db);
  const timer = setTimeout(underWay, PATIENCE_MS);
  // Whoever needs it gets the error, if there is one.
  ready
    .catch(() => undefined)
    .finally(() => {
      clearTimeout(timer);
      underWay();
    });
  return { ready, under };
}

async function migrate(
  { db }: Client,
  config: Config,
  log: () => Logger,
  { schedules }: Wanted,
  onScript: () => void,
): Promise<void> {
  const { databaseUrl, schema, cronSchema } = config;
  const password = passwordOf(config);
  const direct = directUrl(config);
  const options = {
    schema,
    password,
    onWarning: (message: string) => log().warn(message),
    onApplied: (migration: string) => log().info({ migration }, 'migrated'),
    onScript() {
      onScript();
      // The one that the client has next, in place of that which makes the schema.
      if (ownSession) openSession(db).catch(() => undefined);
    },
  };
  const session = await db.pool.connect();
  // Another session takes as long to open as a tenth of the schema to make.
  const ownSession = direct === databaseUrl && db.proxied === false;
  let used = false;
  try {
    if (await isBehind({ schema: db.schema, pool: session })) {
      used = ownSession;
      if (ownSession) await migrateSession(session, { ...options, url: direct });
      else await migrateToLatest(direct, options);
    }
  } finally {
    session.release(used);
  }
  if (!schedules) return;
  const { prepareSchedules } = await import('../schedules/prepare-schedules.ts');
  const prepared = await prepareSchedules({ url: direct, schema, cronSchema, password });
  if (prepared.outcome === 'refused') log().warn(`no schedules yet: ${prepared.why}`);
}

async function isBehind(db: Parameters<typeof requireSchema>[0]): Promise<boolean> {
  try {
    await requireSchema(db);
    return false;
  } catch (error) {
    if (taskerErrorCode(error) === 'SCHEMA_OUTDATED') return true;
    throw error;
  }
}
