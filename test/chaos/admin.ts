import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

/** The role of the fleet is no superuser, so that the harness keeps connections, rights and settings that no fault takes away. */
export const FLEET_ROLE = 'fleet';
export const FLEET_PASSWORD = 'of-the-fleet';
export const DATABASE = 'chaos';
/** Ends every session of the fleet; its new sessions have the settings of that moment. */
export const END_SESSIONS = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '${FLEET_ROLE}'`;
/** The settings of a fault must be undone, whatever else happened to the server in between: it is back within this time. */
const RETRY_FOR_MS = 90_000;

/** Runs one statement on a connection of its own: the harness may not depend on a session that a fault can end. */
export async function queryOnce(url: string, text: string): Promise<Record<string, unknown>[]> {
  return withClient(url, async (client) => (await client.query<Record<string, unknown>>(text)).rows);
}

/** Runs the statements in order, and all of them again until all have succeeded. Each try calls `urlOf`: the server may be replaced meanwhile. */
export async function runUntilSuccessful(urlOf: () => string, statements: readonly string[]): Promise<void> {
  const deadline = Date.now() + RETRY_FOR_MS;
  for (;;) {
    try {
      await withClient(urlOf(), async (client) => {
        for (const statement of statements) await client.query(statement);
      });
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await sleep(200);
    }
  }
}

/** Has the effect of a time limit on statements of the fleet that wait for a lock (SQLSTATE 57014). Commits that wait for a standby are spared. */
const CANCEL_WAITING = `SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE usename = '${FLEET_ROLE}' AND wait_event_type = 'Lock'`;

/**
 * Locks the steps against writes for `ms`; after `cancelAfterMs`, if given, statements that wait are cancelled. Returns false if the
 * lock was not acquired, or was lost.
 */
export async function lockSteps(url: string, ms: number, cancelAfterMs = ms): Promise<boolean> {
  try {
    await withClient(url, async (client) => {
      await client.query(`BEGIN; SET LOCAL lock_timeout = '3s'`);
      await client.query('LOCK TABLE tasker.tasker_workflow_steps IN EXCLUSIVE MODE');
      await sleep(cancelAfterMs);
      if (cancelAfterMs < ms) await client.query(CANCEL_WAITING);
      await sleep(ms - cancelAfterMs);
      await client.query('COMMIT');
    });
    return true;
  } catch {
    return false;
  }
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'chaos',
    connectionTimeoutMillis: 2000,
    query_timeout: 10_000,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}
