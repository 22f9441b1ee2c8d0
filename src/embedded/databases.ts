import pg from 'pg';

/**
 * Creates a database on the server of `url`. `template` is copied with everything in it; nobody may be connected to it.
 * Returns the new database's URL: `url` with the database's name replaced.
 */
export async function createDatabase(url: string, name: string, options: { template?: string } = {}): Promise<string> {
  const template = options.template === undefined ? '' : ` TEMPLATE ${pg.escapeIdentifier(options.template)}`;
  await administer(url, `CREATE DATABASE ${pg.escapeIdentifier(name)}${template}`);
  return withDatabase(url, name);
}

/** Whether the server of `url` has a database of that name. */
export async function databaseExists(url: string, name: string): Promise<boolean> {
  const found = await administer(url, 'SELECT FROM pg_database WHERE datname = $1', [name]);
  return found > 0;
}

/** Drops a database if it is there, ending every session on it. `url` names any other database of the server. */
export async function dropDatabase(url: string, name: string): Promise<void> {
  await administer(url, `DROP DATABASE IF EXISTS ${pg.escapeIdentifier(name)} WITH (FORCE)`);
}

/** The same server and options, another database. */
export function withDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${encodeURIComponent(name)}`;
  return changed.href;
}

/** Runs one statement on the server of `url`; returns how many rows it returned. */
async function administer(url: string, statement: string, values: readonly unknown[] = []): Promise<number> {
  const client = new pg.Client({ connectionString: url, application_name: 'embedded-postgres-admin' });
  client.on('error', () => {});
  try {
    await client.connect();
    const { rows } = await client.query<object>(statement, [...values]);
    return rows.length;
  } finally {
    await client.end().catch(() => {});
  }
}
