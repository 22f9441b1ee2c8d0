import type { Client } from '../client/client.ts';
import type { Config } from '../config/config.ts';
import { directUrl } from '../config/direct-url.ts';
import { passwordOf } from '../db/connections/password.ts';
import { type FoundSchema, installIfEmpty } from '../db/install-schema.ts';
import { migrateSession, migrateToLatest } from '../db/migrate.ts';
import { readSchemaState, requireSchema } from '../db/schema-check.ts';
import type { Logger } from '../logger.ts';
import type { RestOfSchema } from './rest-of-schema.ts';

export interface PreparedSchema {
  /** Resolves when the database has the schema of this version, or as much of it as the first steps need: what needs more of it waits for that. */
  readonly ready: Promise<void>;
  /** Resolves when the server works for it, has done so, or does not answer: the program may do what keeps its loop busy. Never rejects. */
  readonly under: Promise<'ready' | 'waiting'>;
  /** Does at once what was left for later, and waits for what is under way. Never rejects. */
  finish(): Promise<void>;
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
  const { promise: under, resolve: underWay } = Promise.withResolvers<'ready' | 'waiting'>();
  const begun = wanted.migrate
    ? migrate(client, config, log, wanted, () => underWay('waiting'))
    : requireSchema(client.db).then(() => undefined);
  const waiting = (): void => underWay('waiting');
  const timer = setTimeout(waiting, PATIENCE_MS);
  const ready = begun.then(() => undefined);
  // Whoever needs it gets the error, if there is one.
  ready.then(() => underWay('ready'), waiting).finally(() => clearTimeout(timer));
  return {
    ready,
    under,
    async finish() {
      // A migration that was begun comes to its end.
      const rest = await begun.catch(() => undefined);
      await rest?.stop();
    },
  };
}

/** Returns what is left to be made. */
async function migrate(
  { db }: Client,
  config: Config,
  log: () => Logger,
  { schedules }: Wanted,
  onScript: () => void,
): Promise<RestOfSchema | undefined> {
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
      // While the server is busy. A failure comes again with its use.
      void loadRest().catch(() => undefined);
    },
  };
  const session = await db.pool.connect();
  let rest: RestOfSchema | undefined;
  let spent = true;
  try {
    // Another session takes as long to open as a tenth of the schema to make.
    const ownSession = direct === databaseUrl && db.proxied === false;
    const found = ownSession
      ? await installIfEmpty(session, { ...options, url: direct })
      : await readFound({ schema: db.schema, pool: session });
    if (found === 'behind') {
      if (ownSession) await migrateSession(session, { ...options, url: direct });
      else await migrateToLatest(direct, options);
    } else if (found === 'begun') {
      const { RestOfSchema: Rest } = await loadRest();
      rest = new Rest({ ...options, url: direct }, log);
    }
    spent = ownSession && found === 'behind';
  } finally {
    session.release(spent);
  }
  if (!schedules) return rest;
  try {
    const { prepareSchedules } = await import('../schedules/prepare-schedules.ts');
    const prepared = await prepareSchedules({ url: direct, schema, cronSchema, password });
    if (prepared.outcome === 'refused') log().warn(`no schedules yet: ${prepared.why}`);
  } catch (error) {
    await rest?.stop();
    throw error;
  }
  return rest;
}

const loadRest = (): Promise<typeof import('./rest-of-schema.ts')> => import('./rest-of-schema.ts');

async function readFound(db: Parameters<typeof readSchemaState>[0]): Promise<FoundSchema> {
  return (await readSchemaState(db)).missing.length === 0 ? 'current' : 'behind';
}
