import type { Transition } from '../../api/types.ts';
import type { StepView } from './model.ts';

/** What a step did in a time: `wait`: ready, and no worker had it. `held`: blocked, until an operator came. Milliseconds since the submit. */
export interface Segment {
  readonly kind: 'wait' | 'run' | 'backoff' | 'held';
  readonly from: number;
  readonly until: number;
  /** It failed, or was lost. */
  readonly failed: boolean;
  readonly attempt: number;
}

/** By the history of a task: for each step what it did, in order. `now`: milliseconds since the submit. */
export function segmentsOf(
  steps: readonly StepView[],
  history: readonly Transition[],
  requestedAt: string,
  now: number,
): Map<string, Segment[]> {
  const began = Date.parse(requestedAt);
  const ofStep = Map.groupBy(
    history.filter(({ step }) => step !== null),
    ({ step }) => step as string,
  );
  const freeAt = freeTimes(steps);
  const segments = new Map<string, Segment[]>();
  for (const step of steps)
    segments.set(step.name, segmentsOfStep(step, ofStep.get(step.name) ?? [], began, freeAt(step), now));
  return segments;
}

/** Without a history, for tasks of thousands of steps: of a step that had one attempt its times say the same, of others the last one. */
export function segmentsOfStates(steps: readonly StepView[], now: number): Map<string, Segment[]> {
  const freeAt = freeTimes(steps);
  return new Map(steps.map((step) => [step.name, lastSegments(step, freeAt(step), now)]));
}

function lastSegments(
  { phase, attempts, started, ended }: StepView,
  freeAt: number | undefined,
  now: number,
): Segment[] {
  const found: Segment[] = [];
  const add = (kind: Segment['kind'], from: number | undefined, until: number, failed = false): void => {
    if (from !== undefined && until > from) found.push({ kind, from, until, failed, attempt: attempts });
  };
  if (started === undefined) {
    if (phase === 'ready') add('wait', freeAt, now);
    return found;
  }
  if (attempts <= 1) add('wait', freeAt, started);
  if (phase === 'running') add('run', started, now);
  else if (phase === 'blocked' || phase === 'backoff') {
    // When it failed is in the history alone.
    add(phase === 'blocked' ? 'held' : 'backoff', started, now, true);
  } else if (ended !== undefined) add('run', started, ended);
  return found;
}

/** When the last of a step's parents ended; undefined: one of them has not. Equal siblings share the answer. */
function freeTimes(steps: readonly StepView[]): (step: StepView) => number | undefined {
  const ended = new Map(steps.map(({ name, ended: at }) => [name, at]));
  const known = new Map<readonly string[], number | undefined>();
  return ({ parents }) => {
    if (known.has(parents)) return known.get(parents);
    let latest: number | undefined = 0;
    for (const name of parents) {
      const at = ended.get(name);
      if (at === undefined) {
        latest = undefined;
        break;
      }
      latest = Math.max(latest, at);
    }
    known.set(parents, latest);
    return latest;
  };
}

function segmentsOfStep(
  step: StepView,
  rows: readonly Transition[],
  began: number,
  freeAt: number | undefined,
  now: number,
): Segment[] {
  const found: Segment[] = [];
  let state: Segment['kind'] | undefined = freeAt === undefined ? undefined : 'wait';
  let since = freeAt ?? 0;
  let attempt = 0;
  const add = (until: number, failed: boolean): void => {
    if (state !== undefined && until > since) found.push({ kind: state, from: since, until, failed, attempt });
  };
  for (const [index, { to_state: to, cause, at }] of rows.entries()) {
    const time = Date.parse(at) - began;
    if (to === 'in_progress') {
      if (state === undefined) since = time;
      add(time, false);
      attempt += 1;
      state = 'run';
    } else if (to === 'error') {
      add(time, true);
      // What comes after it says what it was: a retry that was due, or an operator.
      const next = rows[index + 1];
      const isBlocked = next === undefined ? step.phase === 'blocked' : next.cause?.startsWith('operator') === true;
      state = isBlocked ? 'held' : 'backoff';
    } else if (to === 'pending') {
      // A claim that was given back, or whose process died: nothing of it counts as work that was done.
      add(time, state === 'run' && cause !== 'released');
      state = freeAt === undefined ? undefined : 'wait';
    } else {
      add(time, false);
      state = undefined;
    }
    since = time;
  }
  if (state !== undefined && !(state === 'wait' && step.phase === 'waiting')) add(now, false);
  return found;
}

/** The last moment that a timeline has to show. */
export function endOf(segments: ReadonlyMap<string, readonly Segment[]>): number {
  let end = 0;
  for (const each of segments.values()) end = Math.max(end, each.at(-1)?.until ?? 0);
  return end;
}
