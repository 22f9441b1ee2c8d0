import { TaskerError } from '../errors.ts';
import type { Executor } from './connections/database.ts';
import { withMigrationConnection } from './connections/migration-connection.ts';
import type { PasswordSource } from './connections/password-source.ts';
import { checkedSchema, DEFAULT_SCHEMA, inSchema } from './schema-name.ts';
import { findInstallation, findJoined, type InstallationRow } from './statements/server/installation.ts';

export interface Installation {
  installationId: string;
  createdAt: Date;
  /** Whether a version before migration 0016 ever ran here: steps that it began keep its form of idempotency keys. */
  hadEarlierVersions: boolean;
}

/** What a worker reads of the database that it joins. */
export interface JoinedInstallation extends Installation {
  /** By PostgreSQL's name: UTF8, LATIN1, SQL_ASCII. */
  encoding: string;
}

/** The identity of this database. Throws a TaskerError if its row is missing, which only manual changes or a partial copy cause. */
export async function installationOf(db: Executor): Promise<Installation> {
  return installation(known(db, await db.run(findInstallation)));
}

/** As `installationOf`, in the same statement as all else that a worker reads before it joins. */
export async function joinedInstallation(db: Executor): Promise<JoinedInstallation> {
  const row = known(db, await db.run(findJoined));
  return { ...installation(row), encoding: row.encoding };
}

function known<Row>(db: Executor, [row]: Row[]): Row {
  if (row !== undefined) return row;
  throw new TaskerError(
    'INSTALLATION_MISSING',
    `the table tasker_installation in schema "${db.schema}" is empty, so this database has no identity: give it the one that it had (from a backup), or a new one with INSERT INTO "${db.schema}".tasker_installation DEFAULT VALUES`,
    { schema: db.schema },
  );
}

/** The identity of a database; undefined if migration 0016 is not applied. */
export async function installationStatus(
  url: string,
  options: { schema?: string; password?: PasswordSource | undefined } = {},
): Promise<Installation | undefined> {
  const schema = checkedSchema(options.schema ?? DEFAULT_SCHEMA);
  return withMigrationConnection({ url, schema, password: options.password }, async (_, client) => {
    const { rows: found } = await client.query<{ found: string | null }>('SELECT to_regclass($1) AS found', [
      `"${schema}".tasker_installation`,
    ]);
    if (found[0]?.found === null) return undefined;
    const { rows } = await client.query<InstallationRow>(inSchema(findInstallation.text, schema));
    return rows[0] && installation(rows[0]);
  });
}

function installation(row: InstallationRow): Installation {
  return {
    installationId: row.installation_id,
    createdAt: row.created_at,
    hadEarlierVersions: row.had_earlier_versions,
  };
}
