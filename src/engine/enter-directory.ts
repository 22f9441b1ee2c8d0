import type { Transactions } from '../db/connections/database.ts';
import { closeStretches, enterStretch, lockDirectory } from '../db/statements/directory/enter-stretch.ts';

export interface EnterDirectoryOptions {
  /** How long an id may become visible after a higher one. */
  youngSeconds: number;
}

export interface Entered {
  /** Tasks of the stretch that was entered. */
  tasks: number;
  /** There is more to do at once. */
  more: boolean;
  /** Ids that were not entered when the round began; undefined: another scheduler is at it. */
  behind?: number;
  /** Stretches that have no values yet of a path of inputs that is enabled. */
  toSearch?: number;
}

/**
 * One round of keeping the directory of tasks, in one transaction: it enters a stretch anew that is not trusted, or the next one as far
 * as nothing is added to it, or one that has no values yet of a path of inputs, or compares one of a day ago with its tasks. That also drops entries of tasks that were removed since.
 */
export async function enterDirectoryOnce(db: Transactions, { youngSeconds }: EnterDirectoryOptions): Promise<Entered> {
  return db.transaction(async (tx) => {
    const [state] = await tx.run(lockDirectory, { young_seconds: youngSeconds });
    if (state === undefined) return { tasks: 0, more: false };
    const stretch = state.untrusted ?? state.next;
    if (stretch !== null) {
      const [entered] = await tx.run(enterStretch, { stretch, up_to: state.up_to });
      return { tasks: entered?.tasks ?? 0, more: true, behind: state.behind, toSearch: state.to_search };
    }
    if (state.closes) await tx.run(closeStretches);
    if (state.unsearched !== null) {
      const [entered] = await tx.run(enterStretch, { stretch: state.unsearched, up_to: state.up_to });
      return { tasks: entered?.tasks ?? 0, more: true, behind: state.behind, toSearch: state.to_search - 1 };
    }
    if (state.oldest !== null) await tx.run(enterStretch, { stretch: state.oldest, up_to: state.up_to });
    return { tasks: 0, more: state.closes && youngSeconds === 0, behind: state.behind, toSearch: 0 };
  });
}
