import type { CrashOrigin, WorkerEvents } from '../telemetry/events.ts';
import { currentStep } from './current-step.ts';

/**
 * For an error that nothing caught. True if it is of a step's code: if that step still runs, its attempt ends with this error. Call
 * it from the handler of the process's event itself, which runs in the context of the code that threw.
 */
export function blameStep(events: WorkerEvents, error: unknown, origin: CrashOrigin = 'exception'): boolean {
  const culprit = currentStep.getStore();
  if (culprit === undefined) return false;
  const { type, step, trace } = culprit;
  const stillRan = !culprit.hasEnded;
  culprit.crash(error);
  const { taskId, attempt } = step;
  events.leaked?.(type.labels, { taskId, attempt, origin, stillRan, error, trace: trace?.logFields });
  return true;
}
