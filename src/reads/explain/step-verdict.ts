import type { ExplainedStepRow } from '../../db/reads/explain/task.ts';
import { contradictionOf } from './contradictions.ts';
import { bugVerdict } from './bug-verdict.ts';
import { backoffVerdict, blockedVerdict } from './error-verdicts.ts';
import { action, type Conclusion, reason, type StepVerdict } from './explanation.ts';
import { parentsVerdict } from './parents-verdict.ts';
import { readyVerdict } from './ready-verdict.ts';
import { runningVerdict } from './running-verdict.ts';
import { seconds, secondsBetween } from './say.ts';
import type { Scene } from './scene.ts';
import { VERDICTS } from './verdicts.ts';

/** Why one step is where it is. */
export async function stepVerdict(scene: Scene, step: ExplainedStepRow): Promise<StepVerdict> {
  const contradiction = contradictionOf(scene, step);
  if (contradiction !== undefined) return conclude(step, await bugVerdict(scene, contradiction, step));
  switch (step.state) {
    case 'complete':
    case 'resolved_manually':
      return conclude(step, ended(scene, step));
    case 'cancelled':
      return conclude(step, cancelled(scene, step));
    case 'in_progress':
      return conclude(step, await runningVerdict(scene, step));
    case 'error':
      return conclude(
        step,
        await (step.blocked_at === null ? backoffVerdict(scene, step) : blockedVerdict(scene, step)),
      );
    case 'pending':
      return conclude(
        step,
        await (step.unmet_parents > 0 ? parentsVerdict(scene, step, stepVerdict) : readyVerdict(scene, step)),
      );
  }
}

const conclude = (
  { name, state }: ExplainedStepRow,
  { verdict, because, until, who, next }: Conclusion,
): StepVerdict => ({
  step: name,
  state,
  verdict,
  because,
  until: until ?? null,
  who_acts: who ?? VERDICTS[verdict].who,
  next_actions: next ?? [],
});

function ended({ task, now }: Scene, step: ExplainedStepRow): Conclusion {
  const ago = step.processed_at === null ? undefined : secondsBetween(step.processed_at, now);
  const when = ago === undefined ? '' : ` ${seconds(ago)} ago`;
  const how =
    step.state === 'complete'
      ? `it completed${when}, at attempt ${step.attempts} of ${step.retry_limit}`
      : `an operator declared it done${when}`;
  return {
    verdict: 'ENDED',
    because: [
      reason(
        how,
        { ended_seconds_ago: ago, attempts: step.attempts, retry_limit: step.retry_limit, state: step.state },
        { task_id: task.task_id, step: step.name },
      ),
    ],
  };
}

function cancelled({ task }: Scene, step: ExplainedStepRow): Conclusion {
  return {
    verdict: 'TASK_CANCELLED',
    because: [
      reason(
        `its task is ${task.state === 'cancelled' ? 'cancelled' : `over (${task.state})`}, and the step was cancelled with it`,
        { task_state: task.state, attempts: step.attempts },
        { task_id: task.task_id },
      ),
    ],
    next: [action('The history says who did it, and why.', `tasker task ${task.task_id}`)],
  };
}
