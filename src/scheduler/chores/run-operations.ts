import type { Database } from '../../db/connections/database.ts';
import type { Notifier } from '../../db/connections/notifier.ts';
import { pruneOperations, type Worked, workOnOperations } from '../../engine/operations/work.ts';
import { watchHaltedOperations } from '../../engine/operations/watch.ts';
import { INTERVALS_MS } from '../chore-intervals.ts';
import type { Chore } from '../chore.ts';

/** Old ones are looked for once a minute. */
const PRUNE_EVERY = 60;
/** How it goes on with what was done is looked at more rarely when nothing depends on it. */
const WATCH_EVERY = 5;

/** Works off bulk operations. Any number of schedulers may do it at once: each takes operations that no other has at that moment. */
export function runOperations(options: {
  db: Database;
  notifier: Notifier;
  onWorked: (worked: Worked) => void;
}): Chore {
  const { db, notifier, onWorked } = options;
  let rounds = 0;
  return {
    name: 'run_operations',
    intervalMs: INTERVALS_MS.run_operations,
    async run() {
      const worked = await workOnOperations(db);
      notifier.notify(worked.queues);
      onWorked(worked);
      rounds += 1;
      if (rounds % WATCH_EVERY === 0) await watchHaltedOperations(db);
      if (rounds % PRUNE_EVERY === 0) while (await pruneOperations(db)) continue;
      return { done: worked.ended.reduce((sum, { items }) => sum + items, 0), more: worked.more };
    },
  };
}
