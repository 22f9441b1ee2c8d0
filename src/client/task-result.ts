import type { StepRow } from '../db/reads/tasks.ts';
import type { TaskDetails } from '../reads/task.ts';
import { InvalidInputError } from '../errors.ts';
import type { ResultsOf, WorkflowDefinition } from '../workflow/definition.ts';
import type { StoredError } from '../workflow/describe-thrown.ts';
import type { State } from '../workflow/states.ts';

/** A step that is not done, with the error of its last attempt that failed. */
export interface StepError<Step extends string = string> {
  readonly step: Step;
  /** Attempts so far. */
  readonly attempts: number;
  readonly error: StoredError;
}

/** Any text for a definition whose steps the compiler does not know, so that its results take those of every other. */
type StepNames<Definition> = unknown extends ResultsOf<Definition> ? string : keyof ResultsOf<Definition> & string;

interface Ended<Definition> {
  readonly taskId: string;
  /** Of the steps that are done. */
  readonly results: Partial<ResultsOf<Definition>>;
  readonly errors: readonly StepError<StepNames<Definition>>[];
}

/**
 * How a task ended, by `state`. Results are as the database has them, by the name of the step; one that an operator resolved has the
 * result that the operator gave it, which nothing compares with the type.
 */
export type TaskResult<Definition extends WorkflowDefinition = WorkflowDefinition> =
  | { readonly state: 'complete'; readonly taskId: string; readonly results: ResultsOf<Definition> }
  /** Nothing of it can go on, until an operator retries or resolves it. */
  | ({ readonly state: 'error' } & Ended<Definition>)
  | ({ readonly state: 'cancelled' } & Ended<Definition>)
  /** An operator declared it done as it was. */
  | ({ readonly state: 'resolved_manually' } & Ended<Definition>);

const DONE: ReadonlySet<State> = new Set(['complete', 'resolved_manually']);

/** Throws InvalidInputError if the task is of another workflow or version: its results have other types. */
export function taskResult<Definition extends WorkflowDefinition>(
  definition: Definition,
  task: TaskDetails,
): TaskResult<Definition> {
  const { namespace, name, version } = definition;
  if (task.namespace !== namespace || task.workflow !== name || task.version !== version) {
    throw new InvalidInputError(
      `task ${task.task_id} is of workflow ${task.namespace}/${task.workflow} ${task.version}, not of ${namespace}/${name} ${version}, so its results may have other types: pass that definition, or read the task without types (waitForTask, getTask)`,
      { field: 'taskId' },
    );
  }
  return endOf(task);
}

/** How a task ended, whatever its workflow is. */
export function endOf<Definition extends WorkflowDefinition>(task: TaskDetails): TaskResult<Definition> {
  const results = Object.fromEntries(
    task.steps.filter((step) => DONE.has(step.state)).map((step) => [step.name, step.results]),
  ) as ResultsOf<Definition>;
  const { task_id: taskId, state } = task;
  if (state === 'complete') return { state, taskId, results };
  const errors = task.steps.filter((step) => !DONE.has(step.state)).flatMap(stepError<StepNames<Definition>>);
  return { state: state as 'error', taskId, results, errors };
}

function stepError<Step extends string>({ name, attempts, last_error: error }: StepRow): StepError<Step>[] {
  return error === null ? [] : [{ step: name as Step, attempts, error }];
}
