import type { Database } from '../../db/database.ts';
import type { Notifier } from '../../engine/notifier.ts';
import { beats, recover, type RecoverOutcome } from '../../engine/recover.ts';
import type { Chore } from '../chore.ts';
import { Silence } from '../silence.ts';

/** Steps of processes that died go back to their queue, or to error where the lost attempt was the last. */
export function recoverDead(options: {
  db: Database;
  notifier: Notifier;
  intervalMs: number;
  silentSeconds: number;
  onRecovered: (outcome: RecoverOutcome) => void;
}): Chore {
  const silence = new Silence(options.intervalMs);
  return {
    name: 'recover_dead',
    intervalMs: options.intervalMs,
    async run() {
      const { silentSeconds } = options;
      const among = silence.look(await beats(options.db), silentSeconds * 1000, performance.now());
      const outcome = await recover(options.db, { silentSeconds, among });
      const steps = [...outcome.recovered.values()].reduce((sum, count) => sum + count, 0) + outcome.blocked.length;
      if (steps > 0 || outcome.expired.length > 0) options.onRecovered(outcome);
      options.notifier.notify(outcome.recovered.keys());
      return { done: steps, more: steps > 0 };
    },
  };
}
