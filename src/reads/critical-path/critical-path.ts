import type { StepTimelineRow } from '../../db/reads/step-timelines.ts';
import { isFinal, type State } from '../../workflow/states.ts';
import { NO_TIME, type Split, type StepTime, stepTime } from './timeline.ts';

/** A step of the critical path. Times in seconds since the task was requested. */
export interface PathStep extends Split {
  step: string;
  /** Its ordinal in the workflow. */
  n: number;
  state: State;
  attempts: number;
  /** When the step before it on the path ended. */
  from: number;
  /** When it ended, or now. */
  until: number;
  seconds: number;
  /** Of the whole, 0 to 1. */
  share: number;
}

/** Which steps decided how long a task took. */
export interface CriticalPath {
  /** False: it goes on, and the path is that of now. */
  complete: boolean;
  seconds: number;
  /** From the first to the last. Each began when the one before it ended. */
  path: PathStep[];
  /** What the path did with its time. */
  totals: Split;
  /** Of each step that has ended beside the path: how many seconds later it could have ended without a later end of the whole. */
  slack: { step: string; n: number; seconds: number }[];
}

/** Of a task with these steps, in topological order. `now`: milliseconds since it was requested. Undefined: nothing of it has begun. */
export function criticalPath(
  task: { state: State; now: number },
  steps: readonly StepTimelineRow[],
): CriticalPath | undefined {
  const times = timesOf(steps, task.now);
  const last = lastOf(steps, times);
  if (last === undefined) return undefined;
  const end = (times.get(last.n) as StepTime).until;
  const path: StepTimelineRow[] = [last];
  const byOrdinal = new Map(steps.map((step) => [step.n, step]));
  for (let at: StepTimelineRow | undefined = last; at !== undefined;) {
    at = byOrdinal.get(latestOf(at.parents, times) ?? 0);
    if (at !== undefined) path.push(at);
  }
  path.reverse();
  const onPath = new Set(path.map(({ n }) => n));
  const shown = path.map((step) => pathStep(step, times.get(step.n) as StepTime, end));
  return {
    complete: isFinal(task.state),
    seconds: seconds(end),
    path: shown,
    totals: shown.reduce((sum, { wait, work, backoff, held }) => add(sum, { wait, work, backoff, held }), {
      ...NO_TIME,
    }),
    slack: slackOf(steps, times, end)
      .filter(({ n }) => !onPath.has(n))
      .map(({ name, n, slack }) => ({ step: name, n, seconds: seconds(slack) })),
  };
}

/** Of steps whose parents are done, and of those that an operator ended before. */
function timesOf(steps: readonly StepTimelineRow[], now: number): Map<number, StepTime> {
  const times = new Map<number, StepTime>();
  for (const step of steps) {
    const parents = step.parents.map((n) => times.get(n));
    const unlocked = parents.every((time) => time?.ended === true);
    if (!unlocked && !isFinal(step.state)) continue;
    const from = parents.reduce((latest, time) => Math.max(latest, time?.ended === true ? time.until : 0), 0);
    times.set(step.n, stepTime(step, from, now));
  }
  return times;
}

/** The step that ends last; of open ones, which all end now, the one that has been open for the longest time. */
function lastOf(steps: readonly StepTimelineRow[], times: ReadonlyMap<number, StepTime>): StepTimelineRow | undefined {
  const timed = steps.filter(({ n }) => times.has(n));
  const open = timed.filter(({ n, state }) => !isFinal(state) && times.get(n)?.ended === false);
  const time = ({ n }: StepTimelineRow): StepTime => times.get(n) as StepTime;
  if (open.length > 0) return open.reduce((best, step) => (time(step).from < time(best).from ? step : best));
  if (timed.length === 0) return undefined;
  return timed.reduce((best, step) => (time(step).until > time(best).until ? step : best));
}

/** The parent that ended last. Undefined: there is none, or an operator ended the step before its parents. */
function latestOf(parents: readonly number[], times: ReadonlyMap<number, StepTime>): number | undefined {
  let latest: number | undefined;
  let until = Number.NEGATIVE_INFINITY;
  for (const n of parents) {
    const time = times.get(n);
    if (time?.ended !== true || time.until <= until) continue;
    latest = n;
    until = time.until;
  }
  return latest;
}

/** From the last step to the first: when each would have had to end at the latest. */
function slackOf(
  steps: readonly StepTimelineRow[],
  times: ReadonlyMap<number, StepTime>,
  end: number,
): { name: string; n: number; slack: number }[] {
  const latest = new Map<number, number>();
  for (const step of steps.toReversed()) {
    const own = times.get(step.n);
    const due = Math.min(latest.get(step.n) ?? end, end);
    const begins = own === undefined ? due : due - (own.until - own.from);
    for (const parent of step.parents) latest.set(parent, Math.min(latest.get(parent) ?? end, begins));
    latest.set(step.n, due);
  }
  return steps.flatMap(({ name, n }) => {
    const time = times.get(n);
    return time?.ended === true ? [{ name, n, slack: Math.max(0, (latest.get(n) ?? end) - time.until) }] : [];
  });
}

function pathStep({ name, n, state, attempts }: StepTimelineRow, time: StepTime, end: number): PathStep {
  const { from, until, split } = time;
  const inSeconds = Object.fromEntries(Object.entries(split).map(([kind, ms]) => [kind, seconds(ms)])) as unknown;
  return {
    step: name,
    n,
    state,
    attempts,
    from: seconds(from),
    until: seconds(until),
    seconds: seconds(until - from),
    share: end === 0 ? 0 : Math.round(((until - from) / end) * 10_000) / 10_000,
    ...(inSeconds as Split),
  };
}

const add = (a: Split, b: Split): Split => ({
  wait: rounded(a.wait + b.wait),
  work: rounded(a.work + b.work),
  backoff: rounded(a.backoff + b.backoff),
  held: rounded(a.held + b.held),
});

const seconds = (ms: number): number => rounded(ms / 1000);
const rounded = (value: number): number => Math.round(value * 1e6) / 1e6;
