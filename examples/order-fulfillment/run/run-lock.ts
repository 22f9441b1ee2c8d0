import { session } from '../../../src/db/connections/session.ts';

export interface RunLock {
  /** Releases the lock. Safe to repeat, and after the connection was lost. */
  release(): Promise<void>;
}

export type TakeRunLockOutcome =
  | { outcome: 'taken'; lock: RunLock }
  /** `by`: the application name of the session that holds it, with its address. */
  | { outcome: 'held'; by: string };

/** A lock is a number within its database; these are hashed from a name with this prefix. */
const prefix = 'tasker.run.';

/**
 * Takes a lock that one process at a time can have on this database, without waiting. It is held as long as its connection,
 * so a killed holder leaves nothing that would have to be cleaned up. Needs a direct connection: behind a transaction pooler
 * a session does not belong to one client.
 */
export async function takeRunLock(options: {
  url: string;
  name: string;
  /** Shown to others while the lock is held. */
  applicationName: string;
}): Promise<TakeRunLockOutcome> {
  const sessions = session({ url: options.url, applicationName: options.applicationName });
  const client = new sessions.Client({ ...sessions.config, connectionTimeoutMillis: 10_000 });
  // The lock ends with the server; its loss is noticed by other means.
  client.on('error', () => undefined);
  const lock: RunLock = { release: () => client.end().catch(() => undefined) };
  try {
    await client.connect();
    await sessions.prepare(client);
    const key = `${prefix}${options.name}`;
    const { rows } = await client.query<{ taken: boolean }>(
      'SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS taken',
      [key],
    );
    if (rows[0]?.taken === true) return { outcome: 'taken', lock };
    // A lock on a bigint is listed by its two halves.
    const holders = await client.query<{ application_name: string; client_addr: string | null }>(
      `SELECT a.application_name, host(a.client_addr) AS client_addr
       FROM pg_locks l
       JOIN pg_stat_activity a ON a.pid = l.pid
       WHERE l.locktype = 'advisory'
         AND l.granted
         AND l.objsubid = 1
         AND (l.classid::bigint << 32) | l.objid::bigint = hashtextextended($1, 0)
         AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())`,
      [key],
    );
    await lock.release();
    const [holder] = holders.rows;
    return {
      outcome: 'held',
      by:
        holder === undefined
          ? 'a session that just ended'
          : `${holder.application_name} at ${holder.client_addr ?? 'a socket'}`,
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}
