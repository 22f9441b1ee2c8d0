import type { Layout, States, Step, StepTuple, TaskDetails } from '../../api/types.ts';
import { type Phase, phaseOfStep } from '../../phase.ts';

/** A step, as every view of the page has it. Times are milliseconds since the submit. */
export interface StepView {
  /** Its ordinal, from 1: parents come before children. */
  readonly n: number;
  readonly name: string;
  readonly queue: string;
  readonly phase: Phase;
  readonly attempts: number;
  readonly parents: readonly string[];
  readonly started: number | undefined;
  readonly ended: number | undefined;
  readonly nextRetry: number | undefined;
}

/** What has happened in the browser so far: the steps as the last responses left them. */
export interface Known {
  readonly version: string | undefined;
  readonly states: Omit<States, 'steps' | 'version' | 'complete'> | undefined;
  readonly steps: ReadonlyMap<number, StepTuple>;
}

export const UNKNOWN: Known = { version: undefined, states: undefined, steps: new Map() };

/** The answer to `since` has only what may have changed. */
export function merge(known: Known, { version, complete, steps, ...states }: States): Known {
  if (!complete && steps.length === 0) return { version, states, steps: known.steps };
  const merged = complete ? new Map<number, StepTuple>() : new Map(known.steps);
  for (const step of steps) merged.set(step[0], step);
  return { version, states, steps: merged };
}

const orUndefined = (at: number | null): number | undefined => at ?? undefined;

export function viewsOf(task: TaskDetails, known: Known): StepView[] {
  const began = Date.parse(task.requested_at);
  const since = (at: string | null): number | undefined => (at === null ? undefined : Date.parse(at) - began);
  return task.steps.map((step, index) => {
    const n = index + 1;
    const tuple = known.steps.get(n);
    if (tuple === undefined) {
      const { name, queue, attempts, parents } = step;
      const times = { started: since(step.last_attempted_at), ended: since(step.processed_at) };
      return {
        n,
        name,
        queue,
        attempts,
        parents,
        phase: phaseOfStep(step),
        ...times,
        nextRetry: since(step.next_retry_at),
      };
    }
    return viewOf(step, n, tuple);
  });
}

function viewOf({ name, queue, parents }: Step, n: number, tuple: StepTuple): StepView {
  const [, state, attempts, unmet, ready, started, ended, nextRetry, blocked] = tuple;
  const phase = phaseOfStep({
    state,
    ready: ready !== null && unmet === 0,
    blocked_at: blocked === null ? null : '',
    next_retry_at: nextRetry === null ? null : '',
  });
  return {
    n,
    name,
    queue,
    phase,
    attempts,
    parents,
    started: orUndefined(started),
    ended: orUndefined(ended),
    nextRetry: orUndefined(nextRetry),
  };
}

/** A node of the graph: a step, or equal siblings. */
export interface NodeView {
  readonly index: number;
  readonly layer: number;
  readonly row: number;
  readonly steps: readonly StepView[];
}

export function nodesOf(layout: Layout, steps: readonly StepView[]): NodeView[] {
  const members: StepView[][] = layout.nodes.map(() => []);
  for (const [index, { node }] of layout.steps.entries()) {
    const step = steps[index];
    if (step !== undefined) members[node]?.push(step);
  }
  return layout.nodes.map(({ layer, row }, index) => ({ index, layer, row, steps: members[index] ?? [] }));
}
