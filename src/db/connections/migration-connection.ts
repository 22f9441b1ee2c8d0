import type { Kysely, PostgresPool, PostgresPoolClient } from 'kysely';
import type pg from 'pg';
import type { PasswordSource } from './password-source.ts';
import { inSchema } from '../schema-name.ts';
import { session } from './session.ts';
import { MIGRATION } from './session-settings.ts';

/** Gives the connection in the form that migrations use. Loaded by the first call: an empty database, or one that is current, needs none. */
export type MigrationDatabase = () => Promise<Kysely<unknown>>;

/** Of the sessions of migrations, for messages about what they block. */
const APPLICATION_NAME = 'tasker migrate';

/** Runs migrations on one connection, with the configured schema's name in place of `tasker.`. */
export async function withMigrationConnection<T>(
  { url, schema, password }: { url: string; schema: string; password?: PasswordSource | undefined },
  work: (db: MigrationDatabase, client: pg.Client) => Promise<T>,
): Promise<T> {
  const sessions = session({ url, applicationName: APPLICATION_NAME, password, settings: MIGRATION });
  const client = new sessions.Client(sessions.config);
  client.on('error', () => undefined);
  try {
    await client.connect();
    await sessions.prepare(client);
    return await work(migrationDatabase(client, schema), client);
  } finally {
    await client.end();
  }
}

/** What makes a session, until the end of its transaction, what withMigrationConnection makes. */
export function migrationSettings(url: string): string {
  const { config, local } = session({ url, applicationName: APPLICATION_NAME, settings: MIGRATION });
  return `SET LOCAL application_name = '${(config.application_name ?? '').replaceAll("'", "''")}'; ${local}`;
}

/** Makes a session that is open what withMigrationConnection makes. It is of no other use afterwards. */
export async function asMigrationConnection(
  client: pg.Client,
  { url, schema }: { url: string; schema: string },
): Promise<MigrationDatabase> {
  const sessions = session({ url, applicationName: APPLICATION_NAME, settings: MIGRATION });
  await client.query(`SET application_name = ${client.escapeLiteral(sessions.config.application_name ?? '')}`);
  await sessions.prepare(client);
  return migrationDatabase(client, schema);
}

function migrationDatabase(client: pg.Client, schema: string): MigrationDatabase {
  let db: Promise<Kysely<unknown>> | undefined;
  return () => (db ??= openMigrationDatabase(client, schema));
}

async function openMigrationDatabase(client: pg.Client, schema: string): Promise<Kysely<unknown>> {
  // An index build has no time limit. But if its process was killed, it must not go on for hours: it would hold the lock that keeps
  // the next process out. Servers before 14, and those on a platform that cannot detect a lost connection, refuse the setting.
  await client.query(`SET client_connection_check_interval = '2s'`).catch(() => undefined);
  const { Kysely, PostgresDialect } = await import('kysely');
  const only: PostgresPoolClient = {
    query: ((text: string, values: readonly unknown[]) =>
      client.query(inSchema(text, schema), values as unknown[])) as unknown as PostgresPoolClient['query'],
    release: () => undefined,
  };
  const pool = { options: {}, connect: async () => only, end: async () => undefined } as PostgresPool;
  return new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) });
}
