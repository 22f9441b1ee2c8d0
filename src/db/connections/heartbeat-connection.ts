import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { passwordOf } from './password.ts';
import { inSchema } from '../schema-name.ts';
import { session } from './session.ts';
import type { SessionSetting } from './session-settings.ts';
import { heartbeat } from '../statements/workers/workers.ts';

export interface HeartbeatConnectionOptions {
  url: string;
  schema: string;
  applicationName: string;
  /** The key of the advisory lock that tells others that this process lives. Null behind a transaction pooler, where a session does not last. */
  sessionLock: string | null;
  timeoutMs: number;
  /** Read at each connection, instead of the password in the URL. */
  passwordFile?: string | undefined;
}

export interface HeartbeatConnection {
  /** Takes the session lock, if there is one to take, now or with the first connection that succeeds. */
  holdSessionLock(): Promise<void>;
  /** Renews the lease; false where it was ended. Throws where the database could not be asked. */
  beat(workerId: string, busySlots: number, draining: boolean): Promise<boolean>;
  close(): Promise<void>;
}

/** A key that no other process has: 63 random bits. */
export function newSessionLock(): string {
  return (randomBytes(8).readBigInt64BE() >> 1n).toString();
}

/**
 * A heartbeat that a crash of the server loses was half a second old, and silence is counted from what schedulers see: nothing
 * waits for a disk, nor for a standby that is away. Only where sessions last: a pooler would hand the setting to others.
 */
const WAIT_FOR_NOTHING: readonly SessionSetting[] = [{ name: 'synchronous_commit', value: 'off' }];

/**
 * One connection that only renews a lease. It reconnects by itself, and takes the session lock again when it does: a process
 * whose connection was cut is silent for a moment, not dead.
 */
export function openHeartbeatConnection(
  options: HeartbeatConnectionOptions & { onError: (message: string) => void },
): HeartbeatConnection {
  const text = inSchema(heartbeat.text, options.schema);
  const sessions = session({
    url: options.url,
    applicationName: options.applicationName,
    pooled: options.sessionLock === null,
    password: passwordOf({ databasePasswordFile: options.passwordFile }),
    statementTimeoutMs: options.timeoutMs,
    settings: WAIT_FOR_NOTHING,
  });
  let client: pg.Client | undefined;
  let wantsLock = false;
  let locked = false;

  const takeLock = async (on: pg.Client): Promise<boolean> => {
    const { rows } = await on.query<{ taken: boolean }>('SELECT pg_try_advisory_lock($1) AS taken', [
      options.sessionLock,
    ]);
    return rows[0]?.taken === true;
  };

  const drop = async (broken: pg.Client): Promise<void> => {
    if (client === broken) client = undefined;
    await broken.end().catch(() => undefined);
  };

  const connect = async (): Promise<pg.Client> => {
    if (client !== undefined) return client;
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
      locked = wantsLock && (await takeLock(fresh));
    } catch (error) {
      await drop(fresh);
      throw error;
    }
    client = fresh;
    return fresh;
  };

  return {
    async holdSessionLock() {
      if (options.sessionLock === null) return;
      wantsLock = true;
      // Where the database is away at this moment the lock is taken with the connection that the first heartbeat needs. Until
      // then the process is as silent as it is lockless.
      await connect().catch((error: unknown) =>
        options.onError(error instanceof Error ? error.message : String(error)),
      );
    },
    async beat(workerId, busySlots, draining) {
      const connected = await connect();
      try {
        // Our own former session holds it until the server has noticed that its connection is gone.
        if (wantsLock && !locked) locked = await takeLock(connected);
        // Prepared where a session lasts: of a statement this small, planning is the larger part.
        const prepared = options.sessionLock ? { name: heartbeat.name } : {};
        const values = heartbeat.values({ worker_id: workerId, busy_slots: busySlots, draining });
        const { rows } = await connected.query({ ...prepared, text, values: [...values] });
        return rows.length > 0;
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
