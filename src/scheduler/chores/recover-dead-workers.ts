import type { Database } from '../../db/connections/database.ts';
import type { Notifier } from '../../db/connections/notifier.ts';
import { pollHeartbeats, recover, type RecoverOutcome } from '../../engine/recover.ts';
import type { Chore } from '../chore.ts';
import { FailureDetector } from '../failure-detector.ts';

/** Rounds from one sweep to the next while no process ends: for a claim that a process made after its lease was ended. */
const IDLE_ROUNDS = 4;
/** Rounds that sweep after a process ended: other sessions may hold its claims for a moment. */
const ROUNDS_AFTER_AN_END = 20;

/** Returns the steps of processes that died to their queue, or to error if the lost attempt was the last. */
export function recoverDeadWorkers(options: {
  db: Database;
  notifier: Notifier;
  intervalMs: number;
  silentSeconds: number;
  onRecovered: (outcome: RecoverOutcome) => void;
  /** Called in every round: whether a retry is due, which the same statement finds, and how long that statement took. */
  onPolled?: (retriesDue: boolean, seconds: number) => void;
}): Chore {
  const detector = new FailureDetector(options.intervalMs);
  let alive: ReadonlySet<string> = new Set();
  let round = 0;
  let sweepUntil = ROUNDS_AFTER_AN_END;
  return {
    name: 'recover_dead',
    intervalMs: options.intervalMs,
    async run() {
      const { silentSeconds } = options;
      const started = performance.now();
      const { heartbeats, retriesDue } = await pollHeartbeats(options.db);
      options.onPolled?.(retriesDue, (performance.now() - started) / 1000);
      const among = detector.observe(heartbeats, silentSeconds * 1000, performance.now());
      const before = alive;
      alive = new Set(heartbeats.map(({ workerId }) => workerId));
      round += 1;
      if (among.length > 0 || [...before].some((workerId) => !alive.has(workerId)))
        sweepUntil = round + ROUNDS_AFTER_AN_END;
      const sweep = round <= sweepUntil || round % IDLE_ROUNDS === 0;
      const outcome = await recover(options.db, { silentSeconds, among, sweep });
      const steps = outcome.requeued.stepIds.length + outcome.blocked.stepIds.length;
      if (steps > 0 || outcome.expired.length > 0) options.onRecovered(outcome);
      options.notifier.notify(outcome.recovered.keys());
      // What was recovered is recorded. The failure of the rest is counted and logged, and the next round tries it again.
      if (outcome.failed !== undefined) throw outcome.failed;
      return { done: steps, more: steps > 0 };
    },
  };
}
