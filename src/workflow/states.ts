/**
 * The state machine as data. A transition that is not in these tables does not happen: the statements of the verbs follow
 * them. If a database has another transition, that is a bug, which the doctor reports.
 */

export const STATES = ['pending', 'in_progress', 'complete', 'error', 'cancelled', 'resolved_manually'] as const;

/** A state of a task or a step. */
export type State = (typeof STATES)[number];

/** The state in which every step and task begins. No transition row records it. */
export const INITIAL_STATE = 'pending' satisfies State;

const FINAL_STATES: ReadonlySet<string> = new Set<State>(['complete', 'cancelled', 'resolved_manually']);

/** No transition leaves a final state. A step or task in error may still be retried, resolved or (a step) cancelled. */
export function isFinal(state: string): boolean {
  return FINAL_STATES.has(state);
}

/** Why a transition happened; the `cause` column of the transition tables. */
export const CAUSES = {
  claim: 'a worker claimed it',
  complete: 'the handler returned (a task: its last sink is done)',
  fail: 'the handler threw, or its result cannot be stored',
  timeout: 'the handler ran longer than its time limit',
  released: 'its worker released it at a shutdown, without spending the attempt',
  lease_expired:
    'its worker died, lost its lease, or could not store its outcome; the attempt is spent (metadata.pardoned: another was granted for it)',
  retry_due: 'its backoff is over',
  step_blocked: 'no step of it can go on: one is in error for good',
  unrunnable: 'it could never be claimed: the migration from Tasker (Ruby) found it in such a state',
  operator_retry: 'an operator requested another attempt',
  operator_resolve: 'an operator declared it done',
  cancel: 'an operator cancelled the task',
} as const;

type Cause = keyof typeof CAUSES;

export interface Transition {
  readonly from: State;
  readonly to: State;
  readonly causes: readonly Cause[];
}

export const STEP_TRANSITIONS: readonly Transition[] = [
  { from: 'pending', to: 'in_progress', causes: ['claim'] },
  { from: 'pending', to: 'error', causes: ['unrunnable'] },
  { from: 'pending', to: 'resolved_manually', causes: ['operator_resolve'] },
  { from: 'pending', to: 'cancelled', causes: ['cancel'] },
  { from: 'in_progress', to: 'complete', causes: ['complete'] },
  { from: 'in_progress', to: 'error', causes: ['fail', 'timeout', 'lease_expired'] },
  { from: 'in_progress', to: 'pending', causes: ['released', 'lease_expired'] },
  { from: 'in_progress', to: 'cancelled', causes: ['cancel'] },
  { from: 'error', to: 'pending', causes: ['retry_due', 'operator_retry'] },
  { from: 'error', to: 'resolved_manually', causes: ['operator_resolve'] },
  { from: 'error', to: 'cancelled', causes: ['cancel'] },
];

export const TASK_TRANSITIONS: readonly Transition[] = [
  { from: 'pending', to: 'in_progress', causes: ['claim', 'operator_resolve'] },
  { from: 'pending', to: 'cancelled', causes: ['cancel'] },
  { from: 'in_progress', to: 'complete', causes: ['complete', 'operator_resolve'] },
  { from: 'in_progress', to: 'error', causes: ['step_blocked'] },
  { from: 'in_progress', to: 'cancelled', causes: ['cancel'] },
  { from: 'error', to: 'in_progress', causes: ['operator_retry', 'operator_resolve'] },
  { from: 'error', to: 'resolved_manually', causes: ['operator_resolve'] },
];

/** A mermaid state diagram of a table, for the documentation. */
export function stateDiagram(transitions: readonly Transition[]): string {
  const finals = STATES.filter((state) => isFinal(state) && transitions.some(({ to }) => to === state));
  return [
    'stateDiagram-v2',
    `  [*] --> ${INITIAL_STATE}`,
    ...transitions.map(({ from, to, causes }) => `  ${from} --> ${to}: ${causes.join(', ')}`),
    ...finals.map((state) => `  ${state} --> [*]`),
    '',
  ].join('\n');
}
