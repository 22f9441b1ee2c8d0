import type { Client } from '../client/client.ts';
import type { Config } from '../config/config.ts';
import { directUrl } from '../config/direct-url.ts';
import { passwordOf } from '../db/connections/password.ts';
import { type FoundSchema, installIfEmpty } from '../db/install-schema.ts';
import { migrateSession, migrateToLatest } from '../db/migrate.ts';
import { FINAL_WRITE_TIMEOUT_MS, withTimeout } from '../process/with-timeout.ts';
import { requireSchema } from '../db/schema-check.ts';
import { taskerErrorCode } from '../errors.ts';
import type { Logger } from '../logger.ts';

export interface PreparedSchema {
  /** Resolves when the database has the schema of this version. */
  readonly ready: Promise<void>;
  /** Resolves when the server works for it, has done so, or does not answer: the program may do what keeps its loop busy. Never rejects. */
  readonly under: Promise<void>;
  /** Does at once what was left for later, and waits for what is under way. Never rejects. */
  finish(): Promise<void>;
}

/** A server near by has answered what is asked before a script by then; a server far away, or one on which another program migrates, has not. */
const PATIENCE_MS = 60;

/** The comments of tables: after the first steps of a program, which takes as long to write them as to run a hundred. */
const COMMENTS_LATER_MS = 1000;

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
  const comments = new LateComments(client, config, log);
  const ready = wanted.migrate ? migrate(client, config, log, wanted, comments, underWay) : requireSchema(client.db);
  const timer = setTimeout(underWay, PATIENCE_MS);
  // Whoever needs it gets the error, if there is one.
  ready
    .catch(() => undefined)
    .finally(() => {
      clearTimeout(timer);
      underWay();
    });
  return {
    ready,
    under,
    async finish() {
      // A migration that was begun comes to its end.
      await ready.catch(() => undefined);
      await comments.stop();
    },
  };
}

async function migrate(
  { db }: Client,
  config: Config,
  log: () => Logger,
  { schedules }: Wanted,
  comments: LateComments,
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
    onScript,
  };
  const session = await db.pool.connect();
  let spent = true;
  try {
    // Another session takes as long to open as a tenth of the schema to make.
    const ownSession = direct === databaseUrl && db.proxied === false;
    const found = ownSession
      ? await installIfEmpty(session, { ...options, url: direct })
      : await check({ schema: db.schema, pool: session });
    if (found === 'behind') {
      if (ownSession) await migrateSession(session, { ...options, url: direct });
      else await migrateToLatest(direct, options);
    } else if (ownSession) comments.later(found === 'installed');
    spent = ownSession && found === 'behind';
  } finally {
    session.release(spent);
  }
  if (!schedules) return;
  const { prepareSchedules } = await import('../schedules/prepare-schedules.ts');
  const prepared = await prepareSchedules({ url: direct, schema, cronSchema, password });
  if (prepared.outcome === 'refused') log().warn(`no schedules yet: ${prepared.why}`);
}

async function check(db: Parameters<typeof requireSchema>[0]): Promise<FoundSchema> {
  try {
    await requireSchema(db);
    return 'current';
  } catch (error) {
    if (taskerErrorCode(error) === 'SCHEMA_OUTDATED') return 'behind';
    throw error;
  }
}

/**
 * Writes the comments of tables that were made without them. A program that made the tables does so before it ends at the latest; any other looks, a
 * moment after its start, whether one was killed before.
 */
class LateComments {
  private readonly client: Client;
  private readonly config: Config;
  private readonly log: () => Logger;
  private missing = false;
  private timer: NodeJS.Timeout | undefined;
  private writing: Promise<void> | undefined;

  constructor(client: Client, config: Config, log: () => Logger) {
    this.client = client;
    this.config = config;
    this.log = log;
  }

  /** `missing`: this program made the tables. */
  later(missing: boolean): void {
    this.missing = missing;
    this.timer = setTimeout(() => this.write(), COMMENTS_LATER_MS).unref();
  }

  /** Writes them now if they are known to be missing. */
  async stop(): Promise<void> {
    clearTimeout(this.timer);
    if (this.missing) this.write();
    if (this.writing !== undefined) await withTimeout(this.writing, FINAL_WRITE_TIMEOUT_MS);
  }

  private write(): void {
    this.writing ??= this.tryToWrite().catch((error: unknown) =>
      this.log().warn(
        { error },
        'tables have no comments yet: the next start with `migrate`, or `tasker migrate up`, writes them',
      ),
    );
  }

  private async tryToWrite(): Promise<void> {
    const { finishInstallation } = await import('../db/finish-installation.ts');
    const session = await this.client.db.pool.connect();
    let broken = true;
    try {
      await finishInstallation(session, { schema: this.config.schema });
      broken = false;
    } finally {
      session.release(broken);
    }
  }
}
