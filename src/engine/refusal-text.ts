import type { ActName } from './audit.ts';

/** The outcomes of acts on a task, as far as a text needs them. */
export interface RefusedAct {
  readonly outcome: string;
  /** Of the task. */
  readonly state?: string | undefined;
  /** Of the step that the act is about. */
  readonly stepState?: string | undefined;
  readonly steps?: unknown;
  readonly known?: readonly string[] | undefined;
  readonly by?: string | undefined;
  readonly workerId?: string | undefined;
  /** Some steps were named. */
  readonly isNamed?: boolean | undefined;
}

/** What is said of a task that is not in the tables, of whatever was asked: one sentence for the command line and for the API. */
export const missingTaskText = (taskId: string, isArchived: boolean): string =>
  isArchived
    ? `task ${taskId} has ended and is in the archive, which is only read: see it there (\`tasker archive show ${taskId}\`, GET /v1/archived-tasks/${taskId}), or bring it back to act on it (\`tasker archive restore ${taskId}\`, POST /v1/archived-tasks/${taskId}:restore)`
    : `there is no task ${taskId}`;

/** Why an act on a task was refused, and what to do instead: one sentence for the command line and for the API. */
export function refusalText(act: ActName, taskId: string, refused: RefusedAct): string {
  const { outcome, state, steps, known, by, workerId, isNamed } = refused;
  const task = `task ${taskId}`;
  const names = [steps ?? []].flat().join(', ');
  switch (outcome) {
    case 'not_found':
      return missingTaskText(taskId, false);
    case 'unknown_steps':
      return `${task} has no step ${names}: its steps are ${known?.join(', ') ?? ''}`;
    case 'superseded':
      return `${task} stays in ${state ?? 'error'}: task ${by ?? ''} has its identity now and does its work; see to that one, and declare this one done (tasker resolve ${taskId})`;
    case 'held':
      return `${task}: worker ${workerId ?? ''}, which lives, has the step: stop that worker, or force it`;
    case 'not_done':
      return `${task}: no result of ${names} to take over, because not done: begin there (from)`;
    case 'nothing_to_retry':
      return `${task} is ${state}: ${isNamed === true ? 'none of the steps asked for is' : 'it has no step'} in error`;
    default:
      return state === undefined ? `${task}: ${whyNot(act, refused)}` : `${task} is ${state}: ${whyNot(act, refused)}`;
  }
}

const ENDED = new Set(['complete', 'cancelled', 'resolved_manually']);

function whyNot(act: ActName, { state = '', stepState }: RefusedAct): string {
  const hasEnded = ENDED.has(state);
  switch (act) {
    case 'task.cancel':
      return hasEnded ? 'it has ended' : 'only what has not failed is cancelled; resolve a task in error';
    case 'task.retry':
      return 'the input of a task can be edited only while the task is in error';
    case 'task.rerun':
      return 'it has not ended, and goes on by itself; cancel it first, or wait for its end';
    case 'task.resolve':
      return hasEnded ? 'it has ended' : 'only a task in error can be resolved';
    case 'step.resolve':
      if (hasEnded) return 'it has ended';
      return RESOLVE[stepState ?? ''] ?? `its step is ${stepState ?? 'not open'}`;
    case 'step.release':
      return hasEnded
        ? 'it has ended'
        : `its step is ${stepState ?? 'not in progress'}: only one in progress is released`;
    default:
      return 'the state of the task does not allow it';
  }
}

/** Of a step whose task goes on. */
const RESOLVE: Readonly<Record<string, string>> = {
  in_progress: 'a worker runs its step: wait for its end, or take it away from the worker (release)',
  complete: 'its step is done already',
  resolved_manually: 'its step is declared done already',
  pending: 'its step waits for a step before it: resolve that one first',
};

/** Why a queue or a workflow was not paused, or not resumed. */
export function pauseRefusalText(
  kind: 'queue' | 'workflow',
  name: string,
  outcome: 'not_found' | 'not_paused',
): string {
  if (outcome === 'not_paused') return `${kind} ${name} is not paused`;
  return kind === 'queue'
    ? `no live worker serves a queue ${name}, and no registered workflow uses it`
    : `no workflow ${name} is registered`;
}

/** Why a bulk operation was not started, paused, resumed or aborted. */
export function steeringRefusalText(operationId: string, outcome: string, state?: string): string {
  switch (outcome) {
    case 'not_found':
      return `there is no operation ${operationId}: a preview is removed after an hour`;
    case 'expired':
      return `the preview of operation ${operationId} is more than an hour old: make a new one`;
    case 'wrong_token':
      return `the token is not that of the preview of operation ${operationId}: use the one that the preview returned`;
    default:
      return `operation ${operationId} ${STANDS[state ?? ''] ?? `is ${state}`}: nothing was changed`;
  }
}

const STANDS: Readonly<Record<string, string>> = {
  preview: 'is a preview, which has not been started',
  running: 'runs already',
  done: 'has ended (done)',
  aborted: 'has ended (aborted)',
};
