import type { Config } from '../config/config.ts';
import type { HeartbeatConnectionOptions } from '../db/connections/heartbeat-connection.ts';

/** `maxStallMs`: how long the main loop may stand still, past the stall deadline, before the lease is no longer renewed. */
export type HeartbeatSettings = Pick<Config, 'heartbeatIntervalMs' | 'maxStallMs'>;

/** What the thread begins with. */
export interface HeartbeatData extends HeartbeatSettings {
  connection: HeartbeatConnectionOptions;
  /** The numbers of HeartbeatState. */
  shared: SharedArrayBuffer;
}

/**
 * Places in the memory that the two threads share: the tick of the main loop, then three numbers for each member, of which a thread has one
 * or, in one program, two. Times are milliseconds of the epoch.
 */
export const HeartbeatState = {
  tick: 0,
  stallDeadline: (member: number): number => 1 + member * 3,
  busySlots: (member: number): number => 2 + member * 3,
  draining: (member: number): number => 3 + member * 3,
  length: (members: number): number => 1 + members * 3,
} as const;

/** `member`: the place of its session lock among those of the thread. */
export type HeartbeatCommand =
  /** The first one. */
  | { kind: 'begin'; data: HeartbeatData }
  | { kind: 'renew'; member: number; workerId: string; killWhenStalled: boolean }
  /** Its lease is renewed no more, and its session lock is given back. */
  | { kind: 'leave'; member: number }
  | { kind: 'stop' };

export type HeartbeatMessage =
  | { kind: 'ready' }
  | { kind: 'renewed'; member: number; at: number; pauses: string | null }
  | { kind: 'lost'; member: number; workerId: string }
  | { kind: 'stalled'; member: number; stalledMs: number }
  | { kind: 'left'; member: number }
  /** Of the connection, or of a statement. */
  | { kind: 'error'; message: string; code?: string | undefined }
  | { kind: 'stopped' };
