import { setTimeout } from 'node:timers/promises';
import { mayFitSmaller } from '../db/connections/sql-errors.ts';

const LOCKS_RELEASED_MS = 100;

/**
 * Does work on all items; if that fails for what one of them or their number may cause, on halves of them, down to single
 * ones, so that one bad item does not hold up the others for ever. Returns the first error of a single item. Rejects with an
 * error that no smaller part would have escaped.
 */
export async function inHalves<Item>(
  items: readonly Item[],
  work: (some: readonly Item[]) => Promise<void>,
): Promise<unknown> {
  try {
    await work(items);
    return undefined;
  } catch (error) {
    if (!mayFitSmaller(error)) throw error;
    // The server reports an error before it has let go of the transaction's locks, and what is locked is skipped.
    await setTimeout(LOCKS_RELEASED_MS);
    if (items.length <= 1) return error;
  }
  const middle = items.length >> 1;
  const errors = [await inHalves(items.slice(0, middle), work), await inHalves(items.slice(middle), work)];
  return errors.find((error) => error !== undefined);
}
