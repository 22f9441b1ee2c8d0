import { isFinal, type State } from './states.ts';

/** What an operator can do with a task. `edit`: a retry with another input. */
export type TaskAction = 'cancel' | 'retry' | 'edit' | 'resolve' | 'rerun';
/** What an operator can do with a step. */
export type StepAction = 'retry' | 'edit' | 'resolve' | 'release';

/** What of a task decides. */
export interface ActedTask {
  state: State;
  /** Another task has its identity now. */
  superseded: boolean;
  /** Any of its steps is in error. */
  failed: boolean;
}

/** The acts that a task would not refuse now, purges apart, by the rules of the verbs. So no face of the engine repeats the state machine. */
export function allowedTaskActions({ state, superseded, failed }: ActedTask): TaskAction[] {
  if (isFinal(state)) return ['rerun'];
  if (state === 'error') return superseded ? ['resolve', 'rerun'] : ['retry', 'edit', 'resolve', 'rerun'];
  return failed ? ['retry', 'cancel'] : ['cancel'];
}

/** As `allowedTaskActions`, of a step of such a task. */
export function allowedStepActions(
  task: Omit<ActedTask, 'failed'>,
  step: { state: State; unmetParents: number },
): StepAction[] {
  if (isFinal(task.state) || (task.state === 'error' && task.superseded)) return [];
  if (step.state === 'in_progress') return ['release'];
  const resolve: StepAction[] = step.unmetParents === 0 ? ['resolve'] : [];
  if (step.state === 'error') return ['retry', 'edit', ...resolve];
  return step.state === 'pending' ? resolve : [];
}
