import { Client, Pool } from 'pg';
import { afterAll, expect, inject } from 'vitest';
import { createDatabase, dropDatabase } from '../../src/embedded/databases.ts';
import { databasePrefix } from './test-run.ts';
import { waitFor } from './wait-for.ts';

export interface TestDatabase {
  /**
   * A connection URL for the code under test; every connection to it must be closed when the file ends. It leads through the pooler
   * if the tests run behind one.
   */
  url: string;
  /** The URL of the server itself; undefined if the code under test has only a pooler. */
  directUrl: string | undefined;
  name: string;
  /** The test's own connections (at most 10). */
  pool: Pool;
  /** Runs one statement on the test's own pool and returns its rows. bigint and numeric arrive as strings. */
  query<Row extends object = Record<string, unknown>>(text: string, values?: unknown[]): Promise<Row[]>;
}

/** The session of a closed connection needs a moment to end; one that is left after this time was not closed. */
const sessionsEndWithinMs = 3000;

let databasesOfThisFile = 0;

/**
 * Gives the test file a database of its own, migrated to the latest schema (`empty: true`: an empty one).
 * Call it at the top level of the file or of a describe, not in a hook. After the tests the database is dropped, and the
 * file fails if any session is left on it, with the name of each: a pool or a client that was not closed.
 */
export async function useTestDatabase(options: { empty?: boolean } = {}): Promise<TestDatabase> {
  const run = inject('testRun');
  const file = expect.getState().testPath?.replace(/^.*\/test\//, '') ?? 'unknown file';
  databasesOfThisFile += 1;
  const slug = file.replace(/\.test\.ts$/, '').replace(/[^a-z0-9]+/gi, '_');
  const name = `${databasePrefix(run.id)}${process.pid}_${databasesOfThisFile}_${slug}`.slice(0, 63);
  const url = await createDatabase(run.adminUrl, name, options.empty ? {} : { template: run.template });
  const pool = new Pool({ connectionString: url, max: 10, application_name: `test ${file}`.slice(0, 63) });
  // An idle connection that a test terminated reports here; without a listener it would end the process.
  pool.on('error', () => {});
  // So does a connection that a test never released, when its database is dropped.
  pool.on('connect', (client) => client.on('error', () => {}));

  // A test that failed between BEGIN and COMMIT gave its client back with the transaction open: the next test, or the second try of this
  // one, would write into it, and nobody else would see that.
  pool.on('release', (_, client) => {
    if (client.getTransactionStatus() !== 'I') void client.end();
  });

  afterAll(async () => {
    const unreleased = pool.totalCount - pool.idleCount;
    // end() waits for every client that was taken from the pool: one that is never released would hang the file.
    const ending = pool.end();
    if (unreleased === 0) await ending;
    const leaks = unreleased === 0 ? await sessionsLeftOn(run.adminUrl, name) : [];
    await dropDatabase(run.adminUrl, name);
    if (unreleased > 0) throw new Error(`${unreleased} client(s) of the test's pool were never released`);
    if (leaks.length > 0) {
      throw new Error(`${leaks.length} session(s) were left open on the test database:\n${leaks.join('\n')}`);
    }
  });

  const poolerPort = process.env['TEST_POOLER_PORT'];
  return {
    url: poolerPort === undefined ? url : withPort(url, poolerPort),
    directUrl: poolerPort === undefined ? url : undefined,
    name,
    pool,
    query: async <Row extends object>(text: string, values?: unknown[]) =>
      (await pool.query<Row & Record<string, unknown>>(text, values)).rows,
  };
}

function withPort(url: string, port: string): string {
  const changed = new URL(url);
  changed.port = port;
  return changed.href;
}

/** Describes the sessions that do not end by themselves. */
async function sessionsLeftOn(adminUrl: string, database: string): Promise<string[]> {
  const admin = new Client({ connectionString: adminUrl, application_name: 'test leak check' });
  await admin.connect();
  try {
    let leaks: string[] = [];
    await waitFor(
      async () => {
        const { rows } = await admin.query<{ description: string }>(
          `SELECT format('- %s (pid %s, %s since %s s): %s', coalesce(nullif(application_name, ''), '(no application_name)'), pid,
                         state, extract(epoch FROM clock_timestamp() - state_change)::int, left(query, 200)) AS description
             FROM pg_stat_activity
            WHERE datname = $1 AND backend_type = 'client backend'
            ORDER BY backend_start`,
          [database],
        );
        leaks = rows.map(({ description }) => description);
        return leaks.length === 0;
      },
      { what: 'the sessions to end', timeoutMs: sessionsEndWithinMs },
    ).catch(() => {});
    return leaks;
  } finally {
    await admin.end();
  }
}
