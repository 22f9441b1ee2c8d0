import type { StepState, TaskState } from './api/types.ts';

/**
 * Where something is, finer than its state: a step that waits for its parents, is ready, waits for a retry or is blocked is in other
 * hands each time. Colour, shape and word belong to it.
 */
export type Phase =
  | 'waiting'
  | 'ready'
  | 'running'
  | 'backoff'
  | 'blocked'
  | 'complete'
  | 'resolved'
  | 'cancelled'
  | 'failed'
  | 'pending';

export const PHASES: Readonly<Record<Phase, { readonly label: string; readonly hint: string }>> = {
  waiting: { label: 'Waiting', hint: 'steps before it are not done' },
  ready: { label: 'Ready', hint: 'it may be claimed, and no worker has it yet' },
  running: { label: 'Running', hint: 'a worker has it' },
  backoff: { label: 'Backoff', hint: 'its last attempt failed, the next one comes by itself' },
  blocked: { label: 'Blocked', hint: 'it failed for good and waits for an operator' },
  failed: { label: 'In error', hint: 'a step of it is blocked, and nothing else can go on' },
  complete: { label: 'Complete', hint: 'done' },
  resolved: { label: 'Resolved', hint: 'declared done by an operator' },
  cancelled: { label: 'Cancelled', hint: 'ended by an operator' },
  pending: { label: 'Pending', hint: 'nothing of it has run' },
};

/** The order in which a person wants to see them: what needs somebody first. */
export const PHASE_ORDER: readonly Phase[] = [
  'blocked',
  'failed',
  'backoff',
  'running',
  'ready',
  'waiting',
  'pending',
  'complete',
  'resolved',
  'cancelled',
];

export const isDone = (phase: Phase): boolean => phase === 'complete' || phase === 'resolved' || phase === 'cancelled';

export function phaseOfStep(step: Pick<StepState, 'state' | 'ready' | 'blocked_at' | 'next_retry_at'>): Phase {
  switch (step.state) {
    case 'complete':
      return 'complete';
    case 'resolved_manually':
      return 'resolved';
    case 'cancelled':
      return 'cancelled';
    case 'in_progress':
      return 'running';
    case 'error':
      return step.blocked_at === null && step.next_retry_at !== null ? 'backoff' : 'blocked';
    default:
      return step.ready ? 'ready' : 'waiting';
  }
}

const OF_TASK: Readonly<Record<TaskState, Phase>> = {
  pending: 'pending',
  in_progress: 'running',
  complete: 'complete',
  error: 'failed',
  cancelled: 'cancelled',
  resolved_manually: 'resolved',
};

export const phaseOfTask = (state: TaskState): Phase => OF_TASK[state];

/** How many are in each phase, in the order of PHASE_ORDER, without those that none is in. */
export function countPhases(phases: Iterable<Phase>): [Phase, number][] {
  const counts = new Map<Phase, number>();
  for (const phase of phases) counts.set(phase, (counts.get(phase) ?? 0) + 1);
  return PHASE_ORDER.filter((phase) => counts.has(phase)).map((phase) => [phase, counts.get(phase) as number]);
}
