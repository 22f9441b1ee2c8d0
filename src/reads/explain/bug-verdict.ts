import { CHECKS } from '../../db/doctor/examine.ts';
import { examineTask } from '../../db/doctor/examine-task.ts';
import type { ExplainedStepRow } from '../../db/reads/explain/task.ts';
import { action, type Conclusion, reason } from './explanation.ts';
import type { Scene } from './scene.ts';

/** The invariant that the rows contradict, and all others of the doctor that the task violates. */
export async function bugVerdict(scene: Scene, invariant: string, step?: ExplainedStepRow): Promise<Conclusion> {
  const { task_id: taskId } = scene.task;
  const links = step === undefined ? { task_id: taskId } : { task_id: taskId, step: step.name };
  const first = CHECKS.find(({ id }) => id === invariant);
  const others = (await examineTask(scene.db, taskId)).filter(({ id }) => id !== invariant);
  return {
    verdict: 'BUG',
    because: [first, ...others].flatMap((check) =>
      check === undefined
        ? []
        : [reason(`this does not hold: ${check.title}. ${check.why}`, { invariant: check.id }, links)],
    ),
    next: [
      action('Find everything that is wrong, and the statements that mend it.', 'tasker doctor --mend'),
      action('Report it with the output of both: an engine that works as it should leaves no such rows.'),
    ],
  };
}
