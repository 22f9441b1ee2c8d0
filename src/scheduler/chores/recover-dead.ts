import type { Database } from '../../db/connections/database.ts';
import type { Notifier } from '../../db/connections/notifier.ts';
import { pollHeartbeats, recover, type RecoverOutcome } from '../../engine/recover.ts';
import type { Chore } from '../chore.ts';
import { Silence } from '../silence.ts';

/** Rounds between two sweeps while every process that lived still lives: for claims that one made after its end was declared. */
const RESTING_ROUNDS = 4;
/** Rounds that sweep after a process ended: its claims may be held by others for a moment. */
const ROUNDS_AFTER_AN_END = 20;

/** Steps of processes that died go back to their queue, or to error where the lost attempt was the last. */
export function recoverDead(options: {
  db: Database;
  notifier: Notifier;
  intervalMs: number;
  silentSeconds: number;
  onRecovered: (outcome: RecoverOutcome) => void;
  /** Hears at every look whether a retry is due, and how long the look took. */
  onLooked?: (retryDue: boolean, seconds: number) => void;
}): Chore {
  const silence = new Silence(options.intervalMs);
  let alive: ReadonlySet<string> = new Set();
  let round = 0;
  let sweepUntil = ROUNDS_AFTER_AN_END;
  return {
    name: 'recover_dead',
    intervalMs: options.intervalMs,
    async run() {
      const { silentSeconds } = options;
      const started = performance.now();
      const { heartbeats: seen, retryDue } = await pollHeartbeats(options.db);
      options.onLooked?.(retryDue, (performance.now() - started) / 1000);
      const among = silence.look(seen, silentSeconds * 1000, performance.now());
      const before = alive;
      alive = new Set(seen.map(({ workerId }) => workerId));
      round += 1;
      if (among.length > 0 || [...before].some((workerId) => !alive.has(workerId)))
        sweepUntil = round + ROUNDS_AFTER_AN_END;
      const sweep = round <= sweepUntil || round % RESTING_ROUNDS === 0;
      const outcome = await recover(options.db, { silentSeconds, among, sweep });
      const steps = [...outcome.recovered.values()].reduce((sum, count) => sum + count, 0) + outcome.blocked.length;
      if (steps > 0 || outcome.expired.length > 0) options.onRecovered(outcome);
      options.notifier.notify(outcome.recovered.keys());
      // What was recovered is done; this counts and logs the rest, and the next round tries it again.
      if (outcome.failed !== undefined) throw outcome.failed;
      return { done: steps, more: steps > 0 };
    },
  };
}
