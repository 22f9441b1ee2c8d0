import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { passwordOf } from './password.ts';
import { inSchema } from '../schema-name.ts';
import { session } from './session.ts';
import { isSchemaMissing } from './sql-errors.ts';
import type { SessionSetting } from './session-settings.ts';
import { heartbeat, heartbeatWithoutPauses } from '../statements/workers/workers.ts';

export interface HeartbeatConnectionOptions {
  url: string;
  schema: string;
  applicationName: string;
  /**
   * The keys of the advisory locks that show others that this process is alive, one for each of its places in the fleet. Null behind a
   * transaction pooler: sessions do not last there.
   */
  sessionLocks: readonly string[] | null;
  timeoutMs: number;
  /** Read at each connection, instead of the password in the URL. */
  passwordFile?: string | undefined;
}

export interface HeartbeatConnection {
  /** Takes the session locks, if there are any: now, or with the first connection that succeeds. */
  holdSessionLocks(): Promise<void>;
  /** Gives one of them back, by its place. */
  releaseSessionLock(index: number): Promise<void>;
  /** Renews the lease, and returns what is paused (PAUSES_TEXT); undefined if it was ended. Throws if the database could not be reached. */
  renewLease(workerId: string, busySlots: number, draining: boolean): Promise<{ pauses: string | null } | undefined>;
  close(): Promise<void>;
}

/** A key of 63 random bits, which no other process has. */
export function newSessionLock(): string {
  return (randomBytes(8).readBigInt64BE() >> 1n).toString();
}

/**
 * A heartbeat waits neither for the disk nor for a standby that is away. If the server crashes, it loses a heartbeat that was half a
 * second old, and silence is counted from what schedulers saw. Only in sessions that last: a pooler would pass the setting on to
 * other clients.
 */
const WAIT_FOR_NOTHING: readonly SessionSetting[] = [{ name: 'synchronous_commit', value: 'off' }];

/**
 * A connection that only renews a lease. It reconnects by itself and then takes the session lock again: a process whose connection
 * was cut is silent for a moment, but not dead.
 */
export function openHeartbeatConnection(
  options: HeartbeatConnectionOptions & { onError: (message: string) => void },
): HeartbeatConnection {
  const sessions = session({
    url: options.url,
    applicationName: options.applicationName,
    pooled: options.sessionLocks === null,
    password: passwordOf({ databasePasswordFile: options.passwordFile }),
    statementTimeoutMs: options.timeoutMs,
    settings: WAIT_FOR_NOTHING,
  });
  let client: pg.Client | undefined;
  let connecting: Promise<pg.Client> | undefined;
  const wanted = new Set<string>();
  /** By the present connection. */
  let held = new Set<string>();

  // One request at a time: a session that takes a lock twice has to give it back twice.
  let taking: Promise<void> | undefined;
  const takeLocks = (on: pg.Client): Promise<void> =>
    (taking ??= takeMissing(on).finally(() => {
      taking = undefined;
    }));
  const takeMissing = async (on: pg.Client): Promise<void> => {
    const missing = [...wanted].filter((lock) => !held.has(lock));
    if (missing.length === 0) return;
    const { rows } = await on.query<{ lock: string; taken: boolean }>(
      'SELECT lock::text, pg_try_advisory_lock(lock) AS taken FROM unnest($1::bigint[]) AS lock',
      [missing],
    );
    for (const { lock, taken } of rows) if (taken) held.add(lock);
  };

  const renew = async (
    on: pg.Client,
    statement: typeof heartbeat,
    given: Parameters<typeof heartbeat.values>[0],
  ): Promise<{ pauses: string | null } | undefined> => {
    // Prepared if sessions last: planning is the larger part of the cost of a statement this small.
    const prepared = options.sessionLocks === null ? {} : { name: statement.name };
    const text = inSchema(statement.text, options.schema);
    const { rows } = await on.query<{ pauses: string | null }>({
      ...prepared,
      text,
      values: [...statement.values(given)],
    });
    return rows[0];
  };

  const drop = async (broken: pg.Client): Promise<void> => {
    if (client === broken) client = undefined;
    await broken.end().catch(() => undefined);
  };

  const connect = async (): Promise<pg.Client> => {
    if (client !== undefined) return client;
    connecting ??= open().finally(() => {
      connecting = undefined;
    });
    return connecting;
  };

  const open = async (): Promise<pg.Client> => {
    const fresh = new sessions.Client({
      ...sessions.config,
      connectionTimeoutMillis: options.timeoutMs,
      query_timeout: options.timeoutMs,
    });
    fresh.on('error', (error) => {
      options.onError(error.message);
      void drop(fresh);
    });
    try {
      await fresh.connect();
      await sessions.prepare(fresh);
      held = new Set();
      await takeLocks(fresh);
    } catch (error) {
      await drop(fresh);
      throw error;
    }
    client = fresh;
    return fresh;
  };

  return {
    async holdSessionLocks() {
      if (options.sessionLocks === null) return;
      for (const lock of options.sessionLocks) wanted.add(lock);
      // If the database is away at this moment, they are taken with the connection of the first heartbeat. Until then the
      // process sends no heartbeats either.
      await connect().catch((error: unknown) =>
        options.onError(error instanceof Error ? error.message : String(error)),
      );
    },
    async releaseSessionLock(index) {
      const lock = options.sessionLocks?.[index];
      if (lock === undefined || !wanted.delete(lock) || !held.delete(lock)) return;
      await client?.query('SELECT pg_advisory_unlock($1)', [lock]);
    },
    async renewLease(workerId, busySlots, draining) {
      const connected = await connect();
      try {
        // The former session of this process holds it until the server notices that its connection is gone.
        await takeLocks(connected);
        const given = { worker_id: workerId, busy_slots: busySlots, draining };
        return await renew(connected, heartbeat, given).catch((error: unknown) => {
          if (!isSchemaMissing(error)) throw error;
          return renew(connected, heartbeatWithoutPauses, given);
        });
      } catch (error) {
        await drop(connected);
        throw error;
      }
    },
    async close() {
      if (client !== undefined) await drop(client);
    },
  };
}
