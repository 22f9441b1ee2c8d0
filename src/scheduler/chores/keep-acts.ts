import type { Database } from '../../db/connections/database.ts';
import { sealActs } from '../../engine/audit.ts';
import { prunePauses } from '../../engine/pause.ts';
import { INTERVALS_MS } from '../chore-intervals.ts';
import type { Chore } from '../chore.ts';

/** Gives acts of the audit their place in the chain, and deletes pauses that ended by themselves. Any number of schedulers may do it at once. */
export function keepActs(db: Database): Chore {
  return {
    name: 'keep_acts',
    intervalMs: INTERVALS_MS.keep_acts,
    async run() {
      const { sealed, more, pausesEnded } = await sealActs(db);
      if (pausesEnded) await prunePauses(db);
      return { done: sealed, more };
    },
  };
}
