import type { SharedByRoles } from '../process/run-service.ts';
import type { Database } from '../db/connections/database.ts';
import type { HeartbeatHost } from './heartbeat-host.ts';

/** What the worker and the scheduler of one program share. Each has what is not here by itself, as in a process of its own. */
export interface Program extends SharedByRoles {
  readonly heartbeats: HeartbeatHost;
  /** Sessions of the program's client, by which its scheduler joins and leaves: it needs its own when its first sweep comes. */
  readonly joins: Database;
  /** The tables for schedules may be made after the start. */
  readonly mayPrepareSchedulesLater: boolean;
}
