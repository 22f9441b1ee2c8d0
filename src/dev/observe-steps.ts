import type { Logger } from '../logger.ts';
import type { StepObserver } from '../worker/start-worker.ts';

/** Tasks whose start is remembered; older ones end without a duration. */
const MOST_TASKS = 10_000;

/**
 * Logs each step that ends and each task that ends. A worker itself logs failures only: at full load a line for each step would
 * cost more than the step.
 */
export function observeSteps(
  log: Logger,
  onTaskEnded: (taskId: string, state: 'complete' | 'error') => void,
): StepObserver {
  const tasks = new Map<string, { workflow: string; since: number }>();
  return {
    finished({ workflow, step }, { outcome, seconds, attempt, taskId }) {
      if (!tasks.has(taskId)) {
        const [oldest] = tasks.keys();
        if (tasks.size >= MOST_TASKS && oldest !== undefined) tasks.delete(oldest);
        tasks.set(taskId, { workflow, since: performance.now() - seconds * 1000 });
      }
      if (outcome !== 'complete' && outcome !== 'released') return;
      log.info({ workflow, task_id: taskId, step, attempt, outcome, duration_ms: Math.round(seconds * 1000) });
    },
    taskEnded(state, taskIds) {
      for (const taskId of taskIds) {
        const task = tasks.get(taskId);
        tasks.delete(taskId);
        if (task !== undefined) {
          const fields = { workflow: task.workflow, task_id: taskId, outcome: state };
          log.info({ ...fields, duration_ms: Math.round(performance.now() - task.since) });
        }
        onTaskEnded(taskId, state);
      }
    },
  };
}
