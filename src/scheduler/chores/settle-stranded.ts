import type { Database } from '../../db/connections/database.ts';
import { finalizeUnfinalized } from '../../engine/finalize.ts';
import type { Chore } from '../chore.ts';

/** Tasks that nobody ended because a process died between blocking a step and settling its task. */
export function settleStrandedTasks(options: {
  db: Database;
  intervalMs: number;
  onSettled: (taskIds: string[]) => void;
}): Chore {
  return {
    name: 'settle_stranded',
    intervalMs: options.intervalMs,
    async run() {
      const settled = await finalizeUnfinalized(options.db);
      if (settled.length > 0) options.onSettled(settled);
      return { done: settled.length, more: false };
    },
  };
}
