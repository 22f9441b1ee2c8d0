import { MAX_EDGES, MAX_STEPS } from '../workflow/analyze-dag.ts';
import type { State } from '../workflow/states.ts';
import type { HistoryRow } from './history.ts';

/** A step as it will be written; its ordinal and its queue come from the version that has its graph. */
export interface MappedStep {
  name: string;
  /** Names of its parents, sorted. */
  parents: string[];
  state: State;
  history: HistoryRow[];
  retryable: boolean;
  retryLimit: number;
  attempts: number;
  skippable: boolean;
  isReady: boolean;
  nextRetryAt: number | null;
  blockedAt: number | null;
  processedAt: number | null;
  lastAttemptedAt: number | null;
  backoffSeconds: number | null;
  inputs: string | null;
  results: string | null;
}

export interface MappedTask {
  sourceId: string;
  namedTaskId: number;
  phase: 'ended' | 'open';
  state: State;
  history: HistoryRow[];
  requestedAt: number | null;
  completedAt: number | null;
  initiator: string | null;
  sourceSystem: string | null;
  reason: string | null;
  bypassSteps: string | null;
  tags: string | null;
  context: string;
  identityHash: string;
  /** Whether that is the one of a key in its context. */
  usesKey: boolean;
  steps: MappedStep[];
  /** For the books. */
  details: Record<string, unknown>;
  /** What was changed on the way, by kind: counted in the report. */
  notes: string[];
}

/** Why a task is left out. `fix`: what to do about it. */
export const REASONS = {
  no_steps:
    'has no steps: nothing of it can run; cancel it in Tasker, or leave it; if it has ended, --ended-anyway imports it as it is',
  cycle:
    'has a cycle of steps: cancel it in Tasker, or leave it; if it has ended, --ended-anyway imports it without an edge',
  self_edge:
    'has a step that depends on itself: delete that edge, or leave the task to Tasker; if it has ended, --ended-anyway imports it without',
  other_task:
    'has a step that depends on a step of another task: delete that edge, or leave the task to Tasker; if it has ended, --ended-anyway imports it without',
  too_large: `has more than ${MAX_STEPS} steps or ${MAX_EDGES} edges, which no task may have here: let Tasker end it, and leave it there`,
  unknown_state: 'has a newest state that is none of the six: correct it in Tasker, then import again',
  in_flight:
    'is running in Tasker: import again when its job has ended (--in-flight decides about jobs that never end)',
  ended_just_now: 'ended less than an hour ago: import again later',
  identity_taken:
    'has an identity that a task here has already: it was submitted to both, or another task of Tasker has the same key (--identity); cancel one of the two',
  changed: 'was changed by Tasker at this moment: import again',
} as const;

export type Reason = keyof typeof REASONS;

export type Mapping =
  | { task: MappedTask }
  | { sourceId: string; phase: 'ended' | 'open'; left: Reason; detail?: string };
