import type { Client } from '../../client/client.ts';
import type { SubmitOptions } from '../../client/new-task.ts';
import type { TaskDetails } from '../../reads/task.ts';
import type { Submitted } from '../../engine/submit.ts';
import type { InputOf, WorkflowDefinition } from '../../workflow/definition.ts';
import type { State } from '../../workflow/states.ts';
import type { Duration } from '../duration.ts';
import type { HistoryEntry } from '../history.ts';

/** What a test fleet runs, and where. */
export interface TestFleetOptions {
  workflows: WorkflowDefinition | readonly WorkflowDefinition[];
  /** Workers in this process; default 1. 0: none, for tests that submit only. */
  workers?: number;
  /** Default true. Without one nothing is retried but by `advance`, and no schedule fires. */
  scheduler?: boolean;
  /** A PostgreSQL server on which a database for this fleet is made and dropped; default: an embedded one, started for this process. */
  url?: string | undefined;
  /** Settings by their names in `Config`, such as `{ slots: 1, stepTimeoutSeconds: 5 }`. */
  settings?: Readonly<Record<string, string | number | boolean>>;
  /** Of workers, the scheduler and handlers, as JSON lines on the standard output; default `silent`. */
  logLevel?: 'silent' | 'error' | 'warn' | 'info' | 'debug';
}

/** How long a helper waits. */
export interface WaitOptions {
  /** Default 30,000. */
  timeoutMs?: number;
  /** Skip every backoff that this task and others wait for. Default false. */
  skipBackoffs?: boolean;
}

/** A fleet on a database of its own, with a client and helpers. */
export interface TestFleet {
  readonly client: Client;
  /** Of the fleet's own database. */
  readonly url: string;
  submit<Definition extends WorkflowDefinition>(
    definition: Definition,
    input: InputOf<Definition>,
    options?: SubmitOptions,
  ): Promise<Submitted>;
  /** Resolves when the task has ended, or is in error. */
  waitFor(taskId: string, options?: WaitOptions): Promise<TaskDetails>;
  /** Resolves when a step of the task is in this state. */
  waitForStep(taskId: string, step: string, state: State, options?: WaitOptions): Promise<TaskDetails>;
  /**
   * Skips time in the database: backoffs run on, leases of dead processes too, and schedules submit what is due in that time. It does
   * not change what runs at the moment: time limits of handlers, leases of living processes and timers of your own code.
   */
  advance(duration: Duration): Promise<void>;
  /** The database's time and what was skipped. */
  now(): Promise<Date>;
  history(taskId: string): Promise<HistoryEntry[]>;
  /** The history as a text without ids and times, as `toSnapshot` of a run in memory has it. */
  snapshot(taskId: string): Promise<string>;
  /** Stops every process and drops the database. Idempotent. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
