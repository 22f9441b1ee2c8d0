import type { Database } from '../../db/connections/database.ts';
import { finalizeUnfinalized } from '../../engine/finalize.ts';
import type { Chore } from '../chore.ts';

/** Ends tasks that are still open because a process died between blocking a step and finalizing its task. */
export function finalizeTasks(options: {
  db: Database;
  intervalMs: number;
  onFinalized: (taskIds: string[]) => void;
}): Chore {
  return {
    name: 'settle_stranded',
    intervalMs: options.intervalMs,
    async run() {
      const finalized = await finalizeUnfinalized(options.db);
      if (finalized.length > 0) options.onFinalized(finalized);
      return { done: finalized.length, more: false };
    },
  };
}
