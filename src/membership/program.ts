import type { Endpoint } from '../process/endpoint.ts';
import type { HeartbeatHost } from './heartbeat-host.ts';

/** What the worker and the scheduler of one program share. Each has what is not here by itself, as in a process of its own. */
export interface Program {
  readonly endpoint: Endpoint;
  readonly heartbeats: HeartbeatHost;
  /** The tables for schedules may be made after the start. */
  readonly mayPrepareSchedulesLater: boolean;
  /** Resolves when the database has the schema of this version; in place of a check by each role. */
  schemaReady(): Promise<void>;
}
