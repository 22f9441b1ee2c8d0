import type { ProcessHeartbeat } from '../engine/recover.ts';

/** Most that one look adds to a silence: a scheduler that could not look for a while has not heard that nobody spoke. */
const MOST_LOOKS = 2;

/**
 * How long processes have been silent while somebody listened. The database's clock alone cannot tell a process that died
 * from a database that was away: after an outage every heartbeat is old, and every process would be taken for dead by
 * the first scheduler to come back. So a scheduler counts the time in which it saw a heartbeat stand still, look by look,
 * and a long pause between two looks counts as a short one.
 */
export class Silence {
  private readonly intervalMs: number;
  private seen = new Map<string, { heartbeatUs: string; silentMs: number }>();
  private lastLookAt: number | undefined;

  constructor(intervalMs: number) {
    this.intervalMs = intervalMs;
  }

  /** One look at every living process; answers those that were silent for `silentMs`. `now`: any monotonic milliseconds. */
  look(beats: readonly ProcessHeartbeat[], silentMs: number, now: number): ProcessHeartbeat[] {
    const passed = this.lastLookAt === undefined ? 0 : Math.min(now - this.lastLookAt, MOST_LOOKS * this.intervalMs);
    this.lastLookAt = now;
    const seen = new Map<string, { heartbeatUs: string; silentMs: number }>();
    for (const { workerId, heartbeatUs } of beats) {
      const before = this.seen.get(workerId);
      seen.set(workerId, { heartbeatUs, silentMs: before?.heartbeatUs === heartbeatUs ? before.silentMs + passed : 0 });
    }
    this.seen = seen;
    return beats.filter(({ workerId }) => (seen.get(workerId)?.silentMs ?? 0) >= silentMs);
  }
}
