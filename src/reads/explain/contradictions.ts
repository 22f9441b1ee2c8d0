import type { ExplainedStepRow, OpenStepRow } from '../../db/reads/explain/task.ts';
import { isOpen, type Scene } from './scene.ts';

/** What contradicts itself in a step: the invariant of the doctor that says so. Undefined: nothing does. */
export function contradictionOf(scene: Scene, step: ExplainedStepRow | OpenStepRow): string | undefined {
  const { task } = scene;
  if (step.state === 'cancelled') return scene.taskEnded ? undefined : 'step_cancelled_with_its_task';
  if (!isOpen(step)) return undefined;
  if (task.state === 'complete') return 'task_complete_means_all_steps_done';
  if (scene.taskEnded) return 'task_ended_means_no_open_steps';
  if (step.state === 'error') {
    return (step.next_retry_at === null) === (step.blocked_at === null) ? 'step_error_has_a_future' : undefined;
  }
  if (step.state === 'in_progress') return step.claimed_by === null ? 'step_claim_columns' : undefined;
  if (step.unmet_parents !== scene.unmetParentsOf(step).length) return 'step_unmet_parents_count';
  if (step.ready_at !== null) {
    const mayRun = step.unmet_parents === 0 && step.attempts < step.retry_limit && task.state !== 'error';
    return mayRun ? undefined : 'step_ready_is_claimable';
  }
  return step.unmet_parents === 0 ? 'step_no_lost_wake_up' : undefined;
}

/** The same for a task as a whole. */
export function contradictionOfTask({ task, open, taskEnded }: Scene): string | undefined {
  // Tasker (Ruby) ended tasks without steps. Whether this is one of them, the doctor knows.
  if (!task.has_steps) return taskEnded ? undefined : 'task_has_steps';
  if (!taskEnded && open.length === 0) return 'task_all_steps_done_means_complete';
  return undefined;
}
