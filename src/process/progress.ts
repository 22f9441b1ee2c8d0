/** Dead-man's switches: each loop of a process reports every round, and a loop that stands still fails the liveness probe. */
export class ProgressMonitor {
  private readonly loops = new Map<string, { lastAt: number; maxAgeMs: number }>();

  /** Declares a loop and how long one round of it may take. Its first round counts from now. */
  watch(loop: string, maxAgeMs: number): void {
    this.loops.set(loop, { lastAt: performance.now(), maxAgeMs });
  }

  /** The loop has done a round. */
  beat(loop: string): void {
    const watched = this.loops.get(loop);
    if (watched !== undefined) watched.lastAt = performance.now();
  }

  unwatch(loop: string): void {
    this.loops.delete(loop);
  }

  ages(): { loop: string; seconds: number; late: boolean }[] {
    const now = performance.now();
    return [...this.loops].map(([loop, { lastAt, maxAgeMs }]) => ({
      loop,
      seconds: (now - lastAt) / 1000,
      late: now - lastAt > maxAgeMs,
    }));
  }
}
