import type { ProcessHeartbeat } from '../engine/recover.ts';

/** Most intervals that one observation adds: a scheduler that could not observe for a while does not know that no heartbeat came. */
const MAX_INTERVALS = 2;

/**
 * How long processes have sent no heartbeat while a scheduler was observing. The database's clock alone cannot distinguish a process
 * that died from a database that was away: after an outage every heartbeat is old, and the first scheduler to come back would take
 * every process for dead. So a scheduler counts the time in which it saw a heartbeat stand still, observation by observation, and a
 * long pause between two observations counts as a short one.
 */
export class FailureDetector {
  private readonly intervalMs: number;
  private seen = new Map<string, { heartbeatUs: string; silentMs: number }>();
  private observedAt: number | undefined;

  /** `intervalMs`: the usual time between two observations. */
  constructor(intervalMs: number) {
    this.intervalMs = intervalMs;
  }

  /**
   * Takes the last heartbeat of every process that has not ended; returns those of the processes that were silent for `silentMs`.
   * `now`: any monotonic milliseconds.
   */
  observe(heartbeats: readonly ProcessHeartbeat[], silentMs: number, now: number): ProcessHeartbeat[] {
    const passedMs =
      this.observedAt === undefined ? 0 : Math.min(now - this.observedAt, MAX_INTERVALS * this.intervalMs);
    this.observedAt = now;
    const seen = new Map<string, { heartbeatUs: string; silentMs: number }>();
    for (const { workerId, heartbeatUs } of heartbeats) {
      const before = this.seen.get(workerId);
      seen.set(workerId, {
        heartbeatUs,
        silentMs: before?.heartbeatUs === heartbeatUs ? before.silentMs + passedMs : 0,
      });
    }
    this.seen = seen;
    return heartbeats.filter(({ workerId }) => (seen.get(workerId)?.silentMs ?? 0) >= silentMs);
  }
}
