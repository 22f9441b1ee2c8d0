import type { Database } from '../../db/connections/database.ts';
import { sealActs } from '../../engine/audit.ts';
import { prunePauses } from '../../engine/pause.ts';
import { INTERVALS_MS } from '../chore-intervals.ts';
import type { Chore } from '../chore.ts';

/** Gives acts of the audit their place in the chain, and deletes pauses that ended by themselves. Any number of schedulers may do it at once. */
export function keepActs(db: Database): Chore {
  /** The last act of the round before, if there were more. */
  let after: string | undefined;
  return {
    name: 'keep_acts',
    intervalMs: INTERVALS_MS.keep_acts,
    async run() {
      const from = after;
      after = undefined;
      const { sealed, more, last, pausesEnded } = await sealActs(db, from);
      if (more) after = last;
      if (pausesEnded) await prunePauses(db);
      return { done: sealed, more };
    },
  };
}
