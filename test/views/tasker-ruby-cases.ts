import type { Event, StepRows } from './rows.ts';

/** The columns of the readiness view that the cases compare. */
export interface Readiness {
  ready_for_execution: boolean;
  current_state: string;
  retry_eligible: boolean;
  dependencies_satisfied: boolean;
}

export interface Situation {
  row: string;
  situation: string;
  steps: StepRows[];
  task?: Event[];
  /** ready_for_execution of the last step, in versions 1 and 2. */
  rubyTasker: boolean;
  /** Columns of the last step in version 3. */
  ours: Partial<Readiness>;
}

const MINUTE = 60;
/** Ten minutes: every backoff of 30 s or less is over. */
const AGO = 10 * MINUTE;
export const began = (secondsAgo: number): Event => ({ to: 'in_progress', secondsAgo });
export const failed = (secondsAgo: number): Event => ({ to: 'error', secondsAgo });
export const open: Event[] = [began(AGO)];
const parent = (to: string): StepRows => ({ ordinal: 1, history: [began(AGO), { to, secondsAgo: AGO - 1 }] });

export const SITUATIONS: readonly Situation[] = [
  {
    row: 'a',
    situation: 'a new root is ready',
    steps: [{ ordinal: 1 }],
    rubyTasker: true,
    ours: { ready_for_execution: true, current_state: 'pending' },
  },
  {
    row: 'c',
    situation: 'a step that is not retryable has a first attempt',
    steps: [{ ordinal: 1, retryable: false }],
    rubyTasker: true,
    ours: { ready_for_execution: true },
  },
  {
    row: 'd',
    situation: 'a step that is not retryable is ready again after its failure; ours is blocked',
    task: open,
    steps: [{ ordinal: 1, retryable: false, attempts: 1, lastAttempted: AGO, history: [began(AGO), failed(AGO - 1)] }],
    rubyTasker: true,
    ours: { ready_for_execution: false, retry_eligible: false, current_state: 'error' },
  },
  {
    row: 'e',
    situation: 'a step that has just failed waits for its backoff',
    task: open,
    steps: [{ ordinal: 1, attempts: 5, retryLimit: 9, lastAttempted: 1, history: [began(1), failed(1)] }],
    rubyTasker: false,
    ours: { ready_for_execution: false, retry_eligible: false, current_state: 'error' },
  },
  {
    row: 'f',
    situation:
      'a failed step whose backoff is over is ready; ours is eligible, and ready once a scheduler has made it pending',
    task: open,
    steps: [{ ordinal: 1, attempts: 1, lastAttempted: AGO, history: [began(AGO), failed(AGO)] }],
    rubyTasker: true,
    ours: { ready_for_execution: false, retry_eligible: true, current_state: 'error' },
  },
  {
    row: 'g',
    situation:
      'a step that was set to pending within its backoff waits; ours is ready, because only a due retry or an operator sets a step to pending',
    task: open,
    steps: [
      {
        ordinal: 1,
        attempts: 5,
        retryLimit: 9,
        lastAttempted: 1,
        history: [began(2), failed(1), { to: 'pending', secondsAgo: 0 }],
      },
    ],
    rubyTasker: false,
    ours: { ready_for_execution: true, current_state: 'pending' },
  },
  {
    row: 'h',
    situation:
      'a pending step that never failed waits for a requested backoff; ours waits only in error, because a backoff belongs to a retry',
    steps: [{ ordinal: 1, backoffRequestSeconds: 3600, lastAttempted: 0 }],
    rubyTasker: false,
    ours: { ready_for_execution: true },
  },
  {
    row: 'i',
    situation: 'a step with a requested backoff and no attempt waits for ever; ours is ready',
    steps: [{ ordinal: 1, backoffRequestSeconds: 30, lastAttempted: null }],
    rubyTasker: false,
    ours: { ready_for_execution: true },
  },
  {
    row: 'j',
    situation: 'a requested backoff that is over overrides a longer computed one',
    task: open,
    steps: [
      {
        ordinal: 1,
        attempts: 5,
        retryLimit: 9,
        backoffRequestSeconds: 1,
        lastAttempted: 3,
        history: [began(3), failed(2)],
      },
    ],
    rubyTasker: true,
    ours: { ready_for_execution: false, retry_eligible: true, current_state: 'error' },
  },
  {
    row: 'k',
    situation: 'a step without attempts left is not ready; ours is blocked, so that an operator finds it',
    task: open,
    steps: [{ ordinal: 1, attempts: 3, lastAttempted: AGO, history: [began(AGO), failed(AGO)] }],
    rubyTasker: false,
    ours: { ready_for_execution: false, retry_eligible: false, current_state: 'error' },
  },
  {
    row: 'l',
    situation: 'a retry limit of NULL is 3',
    task: open,
    steps: [{ ordinal: 1, retryLimit: null, attempts: 2, lastAttempted: AGO, history: [began(AGO), failed(AGO)] }],
    rubyTasker: true,
    ours: { ready_for_execution: false, retry_eligible: true, current_state: 'error' },
  },
  {
    row: 'm',
    situation: 'a retry limit of 0 allows no attempt; ours is blocked instead of pending for ever',
    steps: [{ ordinal: 1, retryLimit: 0 }],
    rubyTasker: false,
    ours: { ready_for_execution: false, current_state: 'error' },
  },
  {
    row: 'n',
    situation: 'a processed step has a row and is not ready',
    task: open,
    steps: [
      { ordinal: 2, parents: [] },
      { ordinal: 1, attempts: 1, processed: true, history: [began(AGO), { to: 'complete', secondsAgo: AGO - 1 }] },
    ],
    rubyTasker: false,
    ours: { ready_for_execution: false, current_state: 'complete' },
  },
  {
    row: 'o',
    situation:
      'in_process alone keeps a pending step from ever running; ours uses the history, according to which the step is pending',
    steps: [{ ordinal: 1, inProcess: true }],
    rubyTasker: false,
    ours: { ready_for_execution: true, current_state: 'pending' },
  },
  {
    row: 'p',
    situation:
      'a step whose process crashed is never ready again; ours is released by the migration, and later by recovery',
    task: open,
    steps: [{ ordinal: 1, history: [began(AGO)] }],
    rubyTasker: false,
    ours: { ready_for_execution: true, current_state: 'pending' },
  },
  {
    row: 'q',
    situation: 'a parent that was resolved manually satisfies its child',
    task: open,
    steps: [parent('resolved_manually'), { ordinal: 2, parents: [1] }],
    rubyTasker: true,
    ours: { ready_for_execution: true, dependencies_satisfied: true },
  },
  {
    row: 'r',
    situation: 'a parent that was cancelled does not satisfy its child',
    task: open,
    steps: [parent('cancelled'), { ordinal: 2, parents: [1] }],
    rubyTasker: false,
    ours: { ready_for_execution: false, dependencies_satisfied: false },
  },
  ...(['cancelled', 'error', 'complete'] as const).map((state): Situation => ({
    row: 's',
    situation: `a step of a task in ${state} is ready; ours is not`,
    task: [began(AGO), { to: state, secondsAgo: AGO - 1 }],
    steps: [{ ordinal: 1 }],
    rubyTasker: true,
    ours: { ready_for_execution: false, current_state: state === 'error' ? 'error' : 'cancelled' },
  })),
];
