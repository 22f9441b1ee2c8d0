import { STEP_ID_FACTOR } from '../workflow/step-id.ts';
import { type HistoryRow, isDone } from './history.ts';
import type { MappedStep, MappedTask } from './mapped-task.ts';
import type { Target } from './versions.ts';

const stepId = (taskId: string, ordinal: number): string =>
  String(BigInt(taskId) * BigInt(STEP_ID_FACTOR) + BigInt(ordinal));

function historyRows(rows: readonly HistoryRow[]) {
  return rows.map((row, index) => ({
    sort_key: index + 1,
    from_state: rows[index - 1]?.to ?? 'pending',
    to_state: row.to,
    most_recent: index === rows.length - 1,
    metadata: row.metadata,
    created_at: Math.round(row.at),
  }));
}

/** The rows of a task for every table, under its id here. */
export function rowsOf(task: MappedTask, taskId: string, target: Target) {
  const ordinalOf = (name: string): number => target.steps.get(name)?.ordinal as number;
  const doneSteps = new Set(task.steps.filter((step) => isDone(step.state)).map((step) => step.name));
  const unmetParents = (step: MappedStep): string[] =>
    doneSteps.has(step.name) ? [] : step.parents.filter((parent) => !doneSteps.has(parent));
  // What is done waits for no parent that is open, as in migration 0005.
  const waitsFor = (step: MappedStep, parent: string): boolean => !doneSteps.has(step.name) || doneSteps.has(parent);
  const childrenOf = Map.groupBy(
    task.steps.flatMap((step) =>
      step.parents
        .filter((parent) => waitsFor(step, parent))
        .map((parent) => ({ parent, child: ordinalOf(step.name) })),
    ),
    (edge) => edge.parent,
  );
  const unfinishedSinks = task.steps.filter((step) => !childrenOf.has(step.name) && !doneSteps.has(step.name)).length;
  const blocked = task.steps.some((step) => step.blockedAt !== null);
  return {
    task: {
      task_id: taskId,
      named_task_id: target.namedTaskId,
      state: task.state,
      sort_key: task.history.length,
      requested_at: task.requestedAt,
      completed_at: task.completedAt,
      unfinished_sinks: unfinishedSinks,
      initiator: task.initiator,
      source_system: task.sourceSystem,
      reason: task.reason,
      bypass_steps: task.bypassSteps,
      tags: task.tags,
      context: task.context,
      identity_hash: task.identityHash,
    },
    history: historyRows(task.history).map((row) => ({ task_id: taskId, ...row })),
    steps: task.steps.map((step) => {
      const template = target.steps.get(step.name) as NonNullable<ReturnType<Target['steps']['get']>>;
      const children = (childrenOf.get(step.name) ?? []).map((edge) => edge.child).toSorted((a, b) => a - b);
      return {
        task_id: taskId,
        workflow_step_id: stepId(taskId, template.ordinal),
        named_step_id: template.named_step_id,
        named_task_id: target.namedTaskId,
        queue: template.queue,
        priority: template.priority,
        retryable: step.retryable,
        retry_limit: step.retryLimit,
        attempts: step.attempts,
        state: step.state,
        sort_key: step.history.length,
        total_parents: step.parents.length,
        unmet_parents: unmetParents(step).length,
        children: `{${children.map((ordinal) => stepId(taskId, ordinal)).join(',')}}`,
        is_ready: step.isReady,
        next_retry_at: step.nextRetryAt,
        blocked_at: step.blockedAt,
        task_blocked: blocked && ['pending', 'in_progress', 'error'].includes(step.state),
        processed_at: step.processedAt,
        last_attempted_at: step.lastAttemptedAt,
        backoff_request_seconds: step.backoffSeconds,
        inputs: step.inputs,
        results: step.results,
        skippable: step.skippable,
      };
    }),
    edges: task.steps.flatMap((step) =>
      step.parents.map((parent) => ({
        task_id: taskId,
        from_step_id: stepId(taskId, ordinalOf(parent)),
        to_step_id: stepId(taskId, ordinalOf(step.name)),
      })),
    ),
    stepHistory: task.steps.flatMap((step) =>
      historyRows(step.history).map((row) => ({
        task_id: taskId,
        workflow_step_id: stepId(taskId, ordinalOf(step.name)),
        ...row,
      })),
    ),
    /** As `sort_keys` of the books. */
    sortKeys: `${task.history.length}:${task.steps.reduce((sum, step) => sum + step.history.length, 0)}`,
  };
}
