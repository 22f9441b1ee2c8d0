import type { Database } from '../../db/connections/database.ts';
import { findTraceContexts } from '../../db/statements/tasks/traced-tasks.ts';
import { finalizeUnfinalized } from '../../engine/finalize.ts';
import { traceIdsOf } from '../../tracing/stored-context.ts';
import type { Chore } from '../chore.ts';

/** Ends tasks that are still open because a process died between blocking a step and finalizing its task. */
export function finalizeTasks(options: {
  db: Database;
  intervalMs: number;
  /** `traceIds`: the traces of these tasks. */
  onFinalized: (taskIds: string[], traceIds: string[]) => void;
}): Chore {
  return {
    name: 'settle_stranded',
    intervalMs: options.intervalMs,
    async run() {
      const finalized = await finalizeUnfinalized(options.db);
      if (finalized.length > 0) options.onFinalized(finalized, await tracesOf(options.db, finalized));
      return { done: finalized.length, more: false };
    },
  };
}

/** For the log: the tasks are in error, whether their traces can be read or not. */
async function tracesOf(db: Database, taskIds: readonly string[]): Promise<string[]> {
  const rows = await db.run(findTraceContexts, { task_ids: taskIds }).catch(() => []);
  return traceIdsOf(rows.map((row) => row.trace_context));
}
