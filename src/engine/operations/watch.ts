import type { Database, Executor } from '../../db/connections/database.ts';
import { holdHaltedOperations, settleHalted } from '../../db/statements/operations/halted.ts';
import { settleItems } from '../../db/statements/operations/items.ts';
import type { HeldOperation } from '../../db/statements/operations/operations.ts';
import type { Step } from './decide.ts';

/** Items whose tasks are checked at once, for how they went on. */
const WATCHED = 500;
/** What an operation did is watched for this long after its end. */
const WATCHED_SECONDS = 3600;
/** One round looks at the newest ones. */
const HALTED = 20;

/** Finds out how tasks went on, of the next items of a held operation. */
export async function watch(
  tx: Executor,
  operation: Pick<HeldOperation, 'operation_id' | 'watched_to' | 'window_began_at'>,
): Promise<Omit<Step, 'ended'>> {
  const [row] = await tx.run(settleItems, {
    operation_id: operation.operation_id,
    after: operation.watched_to,
    limit: WATCHED,
    window_began_at: operation.window_began_at,
  });
  const {
    checked = 0,
    last = null,
    settled = 0,
    came_back: cameBack = 0,
    window_came_back: windowCameBack = 0,
  } = row ?? {};
  // At the end of the items it begins at the first again.
  return { settled, cameBack, windowCameBack, watchedTo: checked < WATCHED ? '0' : (last ?? '0') };
}

/**
 * Goes on to find out how the tasks went on of operations that do not run: the last tasks that were acted on are those of which nothing is known yet
 * when it ends. Returns how many were found out.
 */
export const watchHaltedOperations = (db: Database): Promise<number> =>
  db.transaction(async (tx) => {
    let found = 0;
    for (const operation of await tx.run(holdHaltedOperations, { watched_seconds: WATCHED_SECONDS, limit: HALTED })) {
      const { settled, cameBack, windowCameBack, watchedTo } = await watch(tx, operation);
      found += settled;
      if (settled === 0 && watchedTo === operation.watched_to) continue;
      await tx.run(settleHalted, {
        operation_id: operation.operation_id,
        settled,
        came_back: cameBack,
        window_came_back: windowCameBack,
        watched_to: watchedTo,
      });
    }
    return found;
  });
