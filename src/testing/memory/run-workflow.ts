import { newTask, type SubmitOptions } from '../../client/new-task.ts';
import type { InputOf, ResultsOf, WorkflowDefinition } from '../../workflow/definition.ts';
import type { Json } from '../../workflow/json.ts';
import type { StandardSchema } from '../../workflow/standard-schema.ts';
import type { TaskOccurrence } from '../../workflow/task-occurrence.ts';
import { type HistoryEntry, historySnapshot } from '../history.ts';
import type { LoggedLine } from '../logged-lines.ts';
import { type Mocks, withMocks } from '../mocks.ts';
import { type FleetSettings, memorySettings } from './memory-settings.ts';
import { MemoryTask } from './memory-task.ts';
import { installVirtualTimers } from './virtual-timers.ts';

type SchemaOf<Definition> =
  Definition extends WorkflowDefinition<infer Schema extends StandardSchema, unknown> ? Schema : StandardSchema;

/** The task, and what is replaced in it. */
export interface RunWorkflowOptions<Definition extends WorkflowDefinition = WorkflowDefinition>
  // Priority is for queues with others in them; the other texts are for people.
  extends Pick<SubmitOptions, 'key' | 'bypassSteps'> {
  /** As a submit takes it: validated by the schema of the workflow, and refused with InvalidInputError. */
  input: InputOf<Definition>;
  /** The occurrence of a schedule that the task stands for; default: none. */
  schedule?: TaskOccurrence;
  /** By step name: a function, an error or a result instead of the step's handler. Steps without one run their own. */
  mocks?: Mocks<SchemaOf<Definition>, ResultsOf<Definition>>;
  /** Of the fleet that the run stands for; default: the defaults of `tasker worker`. */
  settings?: Partial<FleetSettings>;
  /** False: timers that a handler sets wait for the time that they say. Default true. */
  virtualTimers?: boolean;
  /** How long a handler may wait for something real (a socket, a file) before its time limit passes. Default 5,000. */
  patienceMs?: number;
  /** Draws each backoff from its window, as Math.random. Default: always the longest, so that histories do not vary. */
  random?: () => number;
}

/** One step of a run in memory. */
export interface StepRun<Result = unknown> {
  readonly name: string;
  readonly state: 'pending' | 'complete' | 'error';
  readonly attempts: number;
  /** As it is stored, and as children and readers of the task get it; undefined if the step is not complete. */
  readonly result: Result | undefined;
  /** Of its last failure, also if a later attempt succeeded. */
  readonly error: { readonly name: string; readonly message: string; readonly [field: string]: unknown } | undefined;
}

type RunSteps<Results> = unknown extends Results
  ? Readonly<Record<string, StepRun>>
  : { readonly [Name in keyof Results]: StepRun<Results[Name]> };

/** Undefined for a step that is not complete. */
type RunResults<Results> = unknown extends Results
  ? Readonly<Record<string, unknown>>
  : { readonly [Name in keyof Results]: Results[Name] | undefined };

/** A run in memory, after its end. */
export interface WorkflowRun<Results = unknown> {
  /** `error`: a step is blocked, and no other can go on. */
  readonly state: 'complete' | 'error';
  /** What the schema made of the input, as handlers get it. */
  readonly input: Json;
  readonly results: RunResults<Results>;
  readonly steps: RunSteps<Results>;
  /** In order of time. */
  readonly history: readonly HistoryEntry[];
  readonly logged: readonly LoggedLine[];
  /** Virtual time from the submit to the end. */
  readonly elapsedMs: number;
  /** The history as a text without ids and times, for snapshot tests. */
  toSnapshot(): string;
}

/**
 * Runs one task of a workflow in memory, in virtual time: backoffs, time limits and the timers of handlers pass without waiting. What
 * a worker does with a handler and its result is done here by the worker's own code. Throws InvalidInputError if a submit would.
 */
export async function runWorkflow<Definition extends WorkflowDefinition>(
  workflow: Definition,
  options: RunWorkflowOptions<Definition>,
): Promise<WorkflowRun<ResultsOf<Definition>>> {
  const definition = withMocks(workflow, (options.mocks ?? {}) as Readonly<Record<string, unknown>>);
  const settings = memorySettings(options.settings, options);
  const { input, key, bypassSteps } = options;
  const unbound = await newTask(definition, {
    input,
    ...(key === undefined ? {} : { key }),
    ...(bypassSteps === undefined ? {} : { bypassSteps }),
  });
  const task = new MemoryTask(definition, unbound, settings, options.schedule);
  const restoreTimers = settings.virtualTimers ? installVirtualTimers() : () => undefined;
  try {
    await task.run();
  } finally {
    restoreTimers();
  }
  return runOf(definition, task, JSON.parse(unbound.context) as Json) as WorkflowRun<ResultsOf<Definition>>;
}

function runOf(definition: WorkflowDefinition, task: MemoryTask, input: Json): WorkflowRun {
  const steps = task.steps.map(({ type, state, attempts, result, error }): StepRun => ({
    name: type.template.name,
    state: state as StepRun['state'],
    attempts,
    result: result === undefined ? undefined : (JSON.parse(result) as unknown),
    error,
  }));
  const state = task.state as WorkflowRun['state'];
  const { history } = task;
  return {
    state,
    input,
    results: Object.fromEntries(steps.map(({ name, result }) => [name, result])),
    steps: Object.fromEntries(steps.map((step) => [step.name, step])),
    history,
    logged: task.logged,
    elapsedMs: task.time.nowMs,
    toSnapshot: () => historySnapshot({ workflow: definition, state, steps, history }),
  };
}
