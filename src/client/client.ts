import type { Transaction } from 'kysely';
import { renewDefinitionId, submitBound, submitBoundIn } from './definitions.ts';
import {
  type Database,
  inCallersTransaction,
  openDatabase,
  type CallersTransaction,
} from '../db/connections/database.ts';
import { findTask, findTaskSteps, type StepRow, type TaskRow } from '../db/reads/tasks.ts';
import { listWorkers, type WorkerRow } from '../db/reads/workers.ts';
import { listTasks } from '../db/reads/list-tasks.ts';
import type { PasswordSource } from '../db/connections/password.ts';
import { queueStats, type QueueStatsRow } from '../db/reads/queues.ts';
import { listWorkflows, type WorkflowRow } from '../db/reads/workflows.ts';
import { cancel, type CancelOutcome } from '../engine/cancel.ts';
import { Notifier } from '../db/connections/notifier.ts';
import type { OperatorAction } from '../engine/operator.ts';
import { releaseHeldStep, type ReleaseHeldOutcome } from '../engine/release-held.ts';
import { resolveStep, resolveTask, type ResolveOutcome } from '../engine/resolve.ts';
import { retry, type RetryOutcome } from '../engine/retry.ts';
import { countLiveSchedulers, NO_SCHEDULER } from '../reads/schedulers.ts';
import type { Submitted } from '../engine/submit.ts';
import { InvalidInputError } from '../errors.ts';
import type { InputOf, WorkflowDefinition } from '../workflow/definition.ts';
import { toStorableJson } from '../workflow/to-storable-json.ts';
import type { ValidationOptions } from '../workflow/validate-input.ts';
import { MAX_RETRY_LIMIT } from '../workflow/step-options.ts';
import {
  checkedId,
  checkedMilliseconds,
  checkedStates,
  checkedText,
  checkedTexts,
  checkedTransaction,
  checkedWhole,
} from './checked.ts';
import { newTask, type SubmitOptions, type SubmitRequest } from './new-task.ts';
import type { ScheduleAdded, ScheduleInfo, ScheduleOptions } from './schedule-options.ts';
import { Schedules } from './schedules.ts';
import { submitStream } from './submit-stream.ts';

export interface ClientOptions {
  url: string;
  /** Default `tasker`. */
  schema?: string;
  /** Default 4. */
  poolSize?: number;
  applicationName?: string;
  /** False behind a transaction pooler older than PgBouncer 1.21. Default true. */
  preparedStatements?: boolean;
  /** The URL leads to a transaction pooler. Default: not `preparedStatements`; a pooler that shows itself is noticed. */
  pooled?: boolean;
  /** Tell workers that there is work, so that they need not wait for their next poll. Default true. */
  notify?: boolean;
  /** Schema of the cron tables. Default: `schema` with `_cron` behind it. */
  cronSchema?: string;
  /** Show no value of an input in InvalidInputError, neither in its message nor in its details. Default false: no secrets. */
  hideInputValues?: boolean;
  /** Called at each new connection, instead of the password in the URL: for one that is rotated, or a token that expires. */
  password?: PasswordSource | undefined;
}

export interface TaskDetails extends TaskRow {
  context: unknown;
  /** Identifies the task in every state of the database, which `task_id` does not: after a restore ids are given out again. */
  identity_hash: string;
  steps: StepRow[];
}

export interface ListTasksOptions {
  states?: readonly string[];
  namespace?: string;
  workflow?: string;
  /** Only tasks with a lower id: the last id of the page before. */
  after?: string;
  /** 1 to 1,000, default 50. */
  limit?: number;
}

/** Above it one statement takes longer than a database wants to hold locks for. */
const MAX_BATCH = 100_000;

const ENDED = new Set(['complete', 'error', 'cancelled', 'resolved_manually']);

/** When workers are told of a task in a caller's transaction: most commit at once, and most others within a second. */
const HINTS_AFTER_MS = [50, 1000] as const;

/** Submits tasks, reads and steers them. One client for a process is enough; `close` it at the end. */
export class Client {
  readonly db: Database;
  private readonly options: ClientOptions;
  private readonly notifier: Notifier;
  private readonly later = new Set<NodeJS.Timeout>();
  private readonly scheduled: Schedules;

  constructor(options: ClientOptions) {
    this.options = options;
    const pooled = options.pooled ?? options.preparedStatements === false;
    this.db = openDatabase({
      url: options.url,
      schema: options.schema ?? 'tasker',
      poolSize: checkedWhole('poolSize', options.poolSize ?? 4, 1, 1000, ' connections'),
      applicationName: options.applicationName ?? 'tasker client',
      prepared: options.preparedStatements ?? true,
      password: options.password,
      pooled,
    });
    this.notifier = new Notifier(this.db);
    this.scheduled = new Schedules({
      db: this.db,
      url: options.url,
      cronSchema: options.cronSchema,
      password: options.password,
      pooled,
    });
  }

  /** Writes a definition to the database, or finds it there. Submitting does so by itself. Returns its id in this database. */
  register(definition: WorkflowDefinition): Promise<number> {
    return renewDefinitionId(this.db, definition);
  }

  /** Creates a task, or answers the one that has the same identity. Throws InvalidInputError with every issue of the input. */
  async submit<Definition extends WorkflowDefinition>(
    definition: Definition,
    input: InputOf<Definition>,
    options: SubmitOptions = {},
  ): Promise<Submitted> {
    const task = await newTask(definition, { ...options, input }, this.validation);
    const [submitted] = await submitBound(this.db, definition, [task]);
    this.hint(definition);
    return submitted as Submitted;
  }

  /**
   * Creates many tasks, in batches, from any iterable: what it yields is read no faster than the database takes it. Yields one
   * answer for each, in order. A request that is not valid ends the stream with its error; what came before it is submitted.
   */
  async *submitMany<Definition extends WorkflowDefinition>(
    definition: Definition,
    requests: Iterable<SubmitRequest<Definition>> | AsyncIterable<SubmitRequest<Definition>>,
    options: { batchSize?: number } = {},
  ): AsyncGenerator<Submitted> {
    const batchSize = checkedWhole('batchSize', options.batchSize ?? 1000, 1, MAX_BATCH);
    for await (const batch of submitStream(this.db, definition, requests, batchSize, this.validation)) {
      this.hint(definition);
      yield* batch;
    }
  }

  /**
   * Creates a task in a transaction that the caller began: it exists if and when the caller commits. Takes a client of pg after
   * its BEGIN, a transaction of Kysely, or, for other drivers, an object with `query({ text, values })` that resolves to
   * `{ rows }` (postgres.js: `{ query: async ({ text, values }) => ({ rows: await sql.unsafe(text, values) }) }`).
   */
  async submitTask<Definition extends WorkflowDefinition, Schema>(
    transaction: CallersTransaction | Transaction<Schema>,
    definition: Definition,
    input: InputOf<Definition>,
    options: SubmitOptions = {},
  ): Promise<Submitted> {
    checkedTransaction(transaction);
    const task = await newTask(definition, { ...options, input }, this.validation);
    const tx = inCallersTransaction(transaction as CallersTransaction, this.db.schema);
    const submitted = await submitBoundIn(tx, this.db, definition, task);
    this.hintLater(definition);
    return submitted;
  }

  async getTask(taskId: string): Promise<TaskDetails | undefined> {
    const [task] = await this.db.run(findTask, [checkedId(taskId)]);
    return task === undefined ? undefined : { ...task, steps: await this.db.run(findTaskSteps, [taskId]) };
  }

  async listTasks(options: ListTasksOptions = {}): Promise<TaskRow[]> {
    const limit = checkedWhole('limit', options.limit ?? 50, 1, 1000, ' tasks');
    return listTasks(this.db, {
      states: checkedStates(options.states),
      namespace: options.namespace,
      workflow: options.workflow,
      below: options.after === undefined ? undefined : checkedId(options.after),
      limit,
    });
  }

  /** Waits until a task has ended (or is in error) and answers it. Rejects at the timeout or the signal's abort. */
  async waitForTask(taskId: string, options: { timeoutMs?: number; signal?: AbortSignal } = {}): Promise<TaskDetails> {
    const deadline = performance.now() + checkedMilliseconds('timeoutMs', options.timeoutMs ?? 60_000);
    let first: TaskDetails | undefined;
    for (let delayMs = 20; ; delayMs = Math.min(delayMs * 1.5, 500)) {
      options.signal?.throwIfAborted();
      const task = await this.getTask(taskId);
      if (task === undefined) throw new InvalidInputError(`there is no task ${taskId}`, { field: 'taskId' });
      first ??= task;
      if (task.identity_hash !== first.identity_hash) {
        throw new InvalidInputError(
          `task ${taskId} is another one than it was: the database was replaced or taken back to an earlier state, and its ids came back; submit again and wait for the id that answers`,
          { field: 'taskId' },
        );
      }
      if (ENDED.has(task.state)) return task;
      if (performance.now() >= deadline) {
        const alone = (await this.liveSchedulers()) === 0 ? `; ${NO_SCHEDULER}` : '';
        throw new Error(`task ${taskId} is still ${task.state} after ${options.timeoutMs ?? 60_000} ms${alone}`);
      }
      await new Promise((resolve) => setTimeout(resolve, delayMs));
    }
  }

  async cancel(taskId: string, act: OperatorAction = {}): Promise<CancelOutcome> {
    return cancel(this.db, checkedId(taskId), checkedAct(act));
  }

  async retry(
    taskId: string,
    options: OperatorAction & { steps?: readonly string[]; attempts?: number } = {},
  ): Promise<RetryOutcome> {
    const attempts = checkedWhole('attempts', options.attempts ?? 1, 1, MAX_RETRY_LIMIT, ' further attempts');
    const outcome = await retry(this.db, checkedId(taskId), { ...checkedAct(options), attempts });
    if (outcome.outcome === 'retried') this.hintQueues(outcome.queues);
    return outcome;
  }

  /** `result`: what the children see as the step's result. Throws InvalidInputError where it cannot be stored as JSON. */
  async resolveStep(
    taskId: string,
    step: string,
    options: OperatorAction & { result?: unknown } = {},
  ): Promise<ResolveOutcome> {
    const result = toStorableJson(options.result ?? null, { maxBytes: Infinity });
    if (!result.ok)
      throw new InvalidInputError(`${result.reason}: step "${step}" is not resolved`, { field: 'result' });
    const outcome = await resolveStep(this.db, checkedId(taskId), step, {
      ...checkedAct(options),
      result: result.json,
    });
    if (outcome.outcome === 'resolved') this.hintQueues(outcome.queues);
    return outcome;
  }

  async resolveTask(taskId: string, act: OperatorAction = {}): Promise<ResolveOutcome> {
    return resolveTask(this.db, checkedId(taskId), checkedAct(act));
  }

  /**
   * Takes a step in progress away from whoever has it and puts it back in its queue, its attempt uncounted: for a step that no
   * recovery finds. From a process that lives only with `force`.
   */
  async releaseStep(
    taskId: string,
    step: string,
    options: OperatorAction & { force?: boolean } = {},
  ): Promise<ReleaseHeldOutcome> {
    const outcome = await releaseHeldStep(this.db, checkedId(taskId), step, checkedAct(options));
    if (outcome.outcome === 'released') this.hintQueues(outcome.queues);
    return outcome;
  }

  workers(options: { stopped?: boolean } = {}): Promise<WorkerRow[]> {
    return this.db.run(listWorkers, [options.stopped ?? false]);
  }

  /** Every workflow version with its open tasks, the live workers that serve it, and why others refuse it. Reads all tasks. */
  workflows(): Promise<WorkflowRow[]> {
    return this.db.run(listWorkflows);
  }

  queues(): Promise<QueueStatsRow[]> {
    return this.db.run(queueStats);
  }

  /**
   * Submits the workflow at every occurrence of a cron expression, once however many schedulers live. Replaces the schedule of the
   * key; one that is there as it is stays untouched. Throws InvalidInputError.
   */
  schedule<Definition extends WorkflowDefinition>(
    definition: Definition,
    options: ScheduleOptions<Definition>,
  ): Promise<ScheduleAdded> {
    const { validation } = this;
    return this.scheduled.add(definition, options as ScheduleOptions, {
      validation,
      register: () => this.register(definition),
    });
  }

  /** Whether there was such a schedule. Throws InvalidInputError for what is no key. None of its occurrences is submitted from now on. */
  unschedule(key: string): Promise<boolean> {
    return this.scheduled.remove(key);
  }

  /** All schedules by key: what each runs, when, and what became of its last occurrence. */
  schedules(): Promise<ScheduleInfo[]> {
    return this.scheduled.list();
  }

  /** How many schedulers live. Without one, schedules, retries and the recovery of dead workers' steps wait. */
  liveSchedulers(): Promise<number> {
    return countLiveSchedulers(this.db);
  }

  async close(): Promise<void> {
    for (const timer of this.later) clearTimeout(timer);
    await this.notifier.flush();
    await this.scheduled.close();
    await this.db.close();
  }

  private get validation(): ValidationOptions {
    return { hideValues: this.options.hideInputValues };
  }

  private hint(definition: WorkflowDefinition): void {
    this.hintQueues(definition.steps.filter((step) => step.parentOrdinals.length === 0).map((step) => step.queue));
  }

  /**
   * For a task in a transaction of the caller, which commits when we do not know. Not in that transaction: a commit that
   * notifies takes a lock all others wait for. A hint too early finds nothing, and one too late a poll has overtaken.
   */
  private hintLater(definition: WorkflowDefinition): void {
    for (const delayMs of HINTS_AFTER_MS) {
      const timer = setTimeout(() => {
        this.later.delete(timer);
        this.hint(definition);
      }, delayMs).unref();
      this.later.add(timer);
    }
  }

  private hintQueues(queues: Iterable<string>): void {
    if (this.options.notify ?? true) this.notifier.notify(queues);
  }
}

export function createClient(options: ClientOptions): Client {
  return new Client(options);
}

function checkedAct<Options extends OperatorAction & { steps?: readonly string[] }>(options: Options): Options {
  checkedText('by', options.by);
  checkedText('reason', options.reason);
  checkedTexts('steps', options.steps);
  return options;
}
