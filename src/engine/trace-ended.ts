import type { Executor } from '../db/connections/database.ts';
import { findEndedTraces } from '../db/statements/tasks/traced-tasks.ts';
import { traceRuns } from '../tracing/ended-spans.ts';
import { loadedTracing } from '../tracing/otel.ts';

/** The spans of tasks that have ended, read after their end. Never rejects: a task is not less ended because a span is missing. */
export async function traceEnded(db: Executor, taskIds: readonly string[]): Promise<void> {
  if (taskIds.length === 0 || (await loadedTracing()) === undefined) return;
  try {
    const tasks = await db.run(findEndedTraces, { task_ids: taskIds });
    traceRuns(
      tasks.map((task) => ({
        namespace: task.namespace,
        workflow: task.workflow,
        version: task.version,
        taskId: task.task_id,
        state: task.state,
        requestedAt: task.requested_at,
        endedAt: task.ended_at,
        traceContext: task.trace_context,
      })),
    );
  } catch {
    // The database has gone away since.
  }
}
