import type { Layout, States, StepTuple, TaskDetails } from '../../api/types.ts';
import { countPhases, type Phase, phaseOfStep } from '../../phase.ts';

/** A step of a definition: what of it does not change while a task runs. */
export interface StepPlan {
  readonly name: string;
  readonly queue: string;
  /** Equal siblings share the list. */
  readonly parents: readonly string[];
}

/** A step, as every view of the page has it. Times are milliseconds since the submit. */
export interface StepView extends StepPlan {
  /** Its ordinal, from 1: parents come before children. */
  readonly n: number;
  readonly phase: Phase;
  readonly attempts: number;
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

/** The steps of a version, by its layout: a node has the parents that the edges to it come from. */
export function plansOf({ steps, nodes, edges }: Layout): StepPlan[] {
  const members: string[][] = nodes.map(() => []);
  for (const { name, node } of steps) members[node]?.push(name);
  const parents: string[][] = nodes.map(() => []);
  for (const [from = 0, to = 0] of edges) parents[to]?.push(...(members[from] ?? []));
  return steps.map(({ name, queue, node }) => ({ name, queue, parents: parents[node] ?? [] }));
}

/** Of a task whose version has no layout: an import, or a version that no worker has registered. */
export const plansOfTask = ({ steps }: TaskDetails): StepPlan[] => steps;

const WAITING = { phase: 'waiting', attempts: 0, started: undefined, ended: undefined, nextRetry: undefined } as const;

/**
 * The steps as they are now. Those that have not changed since `before` are the same objects, so that a state that changes among thousands
 * costs little.
 */
export function viewsOf(
  plans: readonly StepPlan[],
  known: Known,
  before: ReadonlyMap<StepTuple, StepView> = new Map(),
): StepView[] {
  return plans.map((plan, index) => {
    const n = index + 1;
    const tuple = known.steps.get(n);
    if (tuple === undefined) return { n, ...planned(plan), ...WAITING };
    const view = before.get(tuple);
    return view !== undefined && view.name === plan.name ? view : viewOf(plan, n, tuple);
  });
}

const planned = ({ name, queue, parents }: StepPlan): StepPlan => ({ name, queue, parents });
const orUndefined = (at: number | null): number | undefined => at ?? undefined;

function viewOf(plan: StepPlan, n: number, tuple: StepTuple): StepView {
  const [, state, attempts, unmet, ready, started, ended, nextRetry, blocked] = tuple;
  const phase = phaseOfStep({
    state,
    ready: ready !== null && unmet === 0,
    blocked_at: blocked === null ? null : '',
    next_retry_at: nextRetry === null ? null : '',
  });
  return {
    n,
    ...planned(plan),
    phase,
    attempts,
    started: orUndefined(started),
    ended: orUndefined(ended),
    nextRetry: orUndefined(nextRetry),
  };
}

/** How long the last attempt of a step took, or takes. `now`: milliseconds since the submit. */
export function ranSeconds({ phase, started, ended }: StepView, now: number): number | undefined {
  if (started === undefined) return undefined;
  if (phase === 'running') return (now - started) / 1000;
  return ended === undefined ? undefined : (ended - started) / 1000;
}

/** A node of the graph: a step, or equal siblings. */
export interface NodeView {
  readonly index: number;
  readonly layer: number;
  readonly row: number;
  readonly steps: readonly StepView[];
  /** The worst first. */
  readonly counts: readonly (readonly [Phase, number])[];
}

/** Those of which no step has changed since `before` are the same objects. */
export function nodesOf(layout: Layout, steps: readonly StepView[], before: readonly NodeView[] = []): NodeView[] {
  const members: StepView[][] = layout.nodes.map(() => []);
  for (const [index, { node }] of layout.steps.entries()) {
    const step = steps[index];
    if (step !== undefined) members[node]?.push(step);
  }
  return layout.nodes.map(({ layer, row }, index) => {
    const own = members[index] ?? [];
    const known = before[index];
    if (known?.steps.length === own.length && known.steps.every((step, at) => step === own[at])) return known;
    const counts: NodeView['counts'] =
      own.length === 1 ? [[(own[0] as StepView).phase, 1]] : countPhases(own.map(({ phase }) => phase));
    return { index, layer, row, steps: own, counts };
  });
}
