import type { Executor } from '../db/connections/database.ts';
import { findTaskStepHeads } from '../db/reads/tasks.ts';
import type { State } from '../workflow/states.ts';

/** A refused act on one step: there is none of this name, or its state does not allow it. */
export async function refuseStep(
  tx: Executor,
  { taskId, stepName, state }: { taskId: string; stepName: string; state: State },
): Promise<
  | { outcome: 'unknown_steps'; steps: string[]; known: string[] }
  | { outcome: 'refused'; state: State; stepState: State }
> {
  const steps = await tx.run(findTaskStepHeads, { task_id: taskId });
  const step = steps.find(({ name }) => name === stepName);
  if (step === undefined) return { outcome: 'unknown_steps', steps: [stepName], known: steps.map(({ name }) => name) };
  return { outcome: 'refused', state, stepState: step.state };
}
