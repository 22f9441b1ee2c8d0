import type { Config } from '../config/config.ts';
import { newSessionLock } from '../db/connections/heartbeat-connection.ts';
import { HeartbeatHost } from './heartbeat-host.ts';

export type HeartbeatHostSettings = Pick<
  Config,
  | 'databaseUrl'
  | 'databaseUrlDirect'
  | 'databasePasswordFile'
  | 'leaseSeconds'
  | 'heartbeatIntervalMs'
  | 'maxStallMs'
  | 'schema'
>;

/**
 * A heartbeat thread for this number of processes of the fleet, which may start late (see HeartbeatHostOptions). Without `databaseUrlDirect` their
 * leases alone show that they live.
 */
export function openHeartbeatHost(
  settings: HeartbeatHostSettings,
  members: number,
  { startsLate = false } = {},
): HeartbeatHost {
  const { databaseUrl, databaseUrlDirect, databasePasswordFile, leaseSeconds, schema } = settings;
  return new HeartbeatHost({
    connection: {
      url: databaseUrlDirect ?? databaseUrl,
      schema,
      applicationName: 'tasker heartbeat',
      // For the life of the process: its row names the lock, whichever connection and thread hold it.
      sessionLocks: databaseUrlDirect === undefined ? null : Array.from({ length: members }, newSessionLock),
      passwordFile: databasePasswordFile,
      timeoutMs: Math.max(1000, (leaseSeconds * 1000) / 2),
    },
    members,
    settings,
    startsLate,
  });
}
