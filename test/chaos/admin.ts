import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

/** The role of the fleet: no superuser, so that the harness has connections, rights and settings that no fault of its own takes. */
export const FLEET_ROLE = 'fleet';
export const FLEET_PASSWORD = 'of-the-fleet';
export const DATABASE = 'chaos';
/** Puts every session of the fleet out; it comes back with the settings of then. */
export const END_SESSIONS = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '${FLEET_ROLE}'`;
/** Settings of a fault end, whatever else has happened to the server in between: it is back within this. */
const PATIENCE_MS = 90_000;

/** One statement on a connection of its own: nothing of a run's harness may depend on a session that a fault can end. */
export async function ask(url: string, text: string): Promise<Record<string, unknown>[]> {
  return withClient(url, async (client) => (await client.query<Record<string, unknown>>(text)).rows);
}

/** These statements in turn, all over again until all have succeeded. `urlOf` is asked at each try: the server may be replaced meanwhile. */
export async function insist(urlOf: () => string, statements: readonly string[]): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
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

/** What a time limit does to statements of the fleet that wait for a lock: SQLSTATE 57014. A commit that waits for a standby is none. */
const CANCEL_WAITING = `SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE usename = '${FLEET_ROLE}' AND wait_event_type = 'Lock'`;

/**
 * Keeps everybody else from writing to the steps for `ms`; after `cancelAfterMs`, if given, those who wait are cancelled. False where
 * the lock could not be had, or broke.
 */
export async function holdSteps(url: string, ms: number, cancelAfterMs = ms): Promise<boolean> {
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
