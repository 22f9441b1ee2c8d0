/** Who has to do something before it goes on. */
export type WhoActs = 'nobody' | 'engine' | 'operator' | 'platform';

/** Who acts, in words: the same in a terminal, on a page and in the reference. */
export const ACTORS: Readonly<Record<WhoActs, string>> = {
  nobody: 'nobody',
  engine: 'the engine, by itself',
  operator: 'an operator',
  platform: 'whoever runs the workers',
};

interface VerdictMeaning {
  /** One sentence, for an explanation and for a table. */
  readonly means: string;
  /** By default; an explanation may say otherwise, such as an operator if no scheduler lives. */
  readonly who: WhoActs;
}

/**
 * Every verdict, in the order in which they are tried: the first that holds is the verdict of a step. docs/reference/explain.md is
 * generated from it.
 */
export const VERDICTS = {
  BUG: {
    means: 'The stored data contradict themselves: an invariant is violated, which is named.',
    who: 'operator',
  },
  ENDED: { means: 'It has ended, and nothing of it is to come.', who: 'nobody' },
  TASK_CANCELLED: {
    means: 'The task was cancelled, or resolved as a whole, and its open steps with it.',
    who: 'nobody',
  },
  RUNNING: { means: 'A worker runs it now, and sends heartbeats.', who: 'nobody' },
  WORKER_SILENT: {
    means: 'A worker holds it and sends no heartbeats: when its lease ends, a scheduler takes the step back.',
    who: 'engine',
  },
  PARENT_BLOCKED: {
    means: 'A step before it is in error for good, so it cannot start.',
    who: 'operator',
  },
  WAITS_FOR_PARENTS: {
    means: 'Steps before it are not done; the one that holds it up is explained, too.',
    who: 'nobody',
  },
  BACKOFF: { means: 'Its last attempt failed, and the time of the next one has not come.', who: 'engine' },
  NO_SCHEDULER: { means: 'Its retry is due, and no live scheduler is there to make it ready.', who: 'operator' },
  BLOCKED: { means: 'It is in error and no retry will come.', who: 'operator' },
  PAUSED: { means: 'Its queue or its workflow is paused.', who: 'operator' },
  NO_WORKER_ON_QUEUE: { means: 'It is ready, and no live worker serves its queue.', who: 'platform' },
  NO_HANDLER: {
    means: 'It is ready, and none of the workers on its queue has handlers for this version of its workflow.',
    who: 'platform',
  },
  QUARANTINED: {
    means: 'Its process died twice while it ran: it waits for a process in which it runs alone.',
    who: 'engine',
  },
  FLEET_SCALING: { means: 'More work is ready than there are slots for, and workers are joining.', who: 'platform' },
  ALL_SLOTS_BUSY: { means: 'Every slot of the workers that can run it is taken.', who: 'platform' },
  BEHIND: { means: 'Steps that come before it in its queue take every free slot.', who: 'nobody' },
  DATABASE_BEHIND: {
    means: 'Slots are free, and claims are slow: a session holds back the removal of dead rows.',
    who: 'operator',
  },
  ABOUT_TO_START: { means: 'A worker with a free slot claims it next.', who: 'nobody' },
} as const satisfies Record<string, VerdictMeaning>;

/** Why a step is where it is, in one word: docs/reference/explain.md has them all. */
export type Verdict = keyof typeof VERDICTS;

const RANK: readonly WhoActs[] = ['operator', 'platform', 'engine', 'nobody'];
const ORDER = Object.keys(VERDICTS);

/** The verdict of a task is that of the open step that most needs somebody: an operator first, nobody last. */
export const byNeed = (
  a: { who_acts: WhoActs; verdict: Verdict },
  b: { who_acts: WhoActs; verdict: Verdict },
): number => RANK.indexOf(a.who_acts) - RANK.indexOf(b.who_acts) || ORDER.indexOf(a.verdict) - ORDER.indexOf(b.verdict);
