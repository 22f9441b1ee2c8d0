import type { StepTimelineRow, TimelineTransition } from '../../db/reads/step-timelines.ts';
import { isFinal } from '../../workflow/states.ts';

/** What a step did with its time, in milliseconds. */
export interface Split {
  /** Ready, until a worker took it; also while its queue or workflow was paused. */
  wait: number;
  /** Its handler ran. */
  work: number;
  /** Between an attempt that failed and its retry. */
  backoff: number;
  /** It waited for a person: it was blocked. */
  held: number;
}

export const NO_TIME: Readonly<Split> = { wait: 0, work: 0, backoff: 0, held: 0 };

/** The time of a step, from its last parent's end to its own. */
export interface StepTime {
  /** When its last parent ended. */
  from: number;
  /** When it ended, or now. */
  until: number;
  ended: boolean;
  split: Split;
}

/**
 * Follows the history of a step from when its parents were done. `now`: until when an open one is followed. Milliseconds since the task was
 * requested.
 */
export function stepTime(step: Pick<StepTimelineRow, 'transitions' | 'blocked'>, from: number, now: number): StepTime {
  const split = { ...NO_TIME };
  let mode: keyof Split = 'wait';
  let at = from;
  const advance = (to: number): void => {
    if (to <= at) return;
    split[mode] += to - at;
    at = to;
  };
  for (const [index, transition] of step.transitions.entries()) {
    const [to, , when] = transition;
    // An operator may have ended it before its parents were done.
    advance(when);
    if (isFinal(to)) return { from: Math.min(from, when), until: when, ended: true, split };
    mode = modeAfter(transition, step.transitions[index + 1], step.blocked);
  }
  advance(now);
  return { from, until: Math.max(from, now), ended: false, split };
}

function modeAfter([to]: TimelineTransition, next: TimelineTransition | undefined, blocked: boolean): keyof Split {
  if (to === 'in_progress') return 'work';
  if (to !== 'error') return 'wait';
  if (next === undefined) return blocked ? 'held' : 'backoff';
  return next[1] === 'retry_due' ? 'backoff' : 'held';
}
