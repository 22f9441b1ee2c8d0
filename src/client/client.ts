import type { Transaction } from 'kysely';
import { loadDefinitionId } from './definitions.ts';
import type { Cron } from '../db/cron.ts';
import { type Database, inCallersTransaction, openDatabase, type CallersTransaction } from '../db/database.ts';
import {
  findTask,
  findTaskSteps,
  listWorkers,
  type StepRow,
  type TaskRow,
  type WorkerRow,
} from '../db/statements/read-tasks.ts';
import { describeDatabaseError } from '../db/describe-error.ts';
import { listTasks } from '../db/list-tasks.ts';
import { queueStats, type QueueStatsRow } from '../db/statements/queue-stats.ts';
import { listWorkflows, type WorkflowRow } from '../db/statements/worker-workflows.ts';
import { cancel, type CancelOutcome } from '../engine/cancel.ts';
import { Notifier } from '../engine/notifier.ts';
import type { Act } from '../engine/operator.ts';
import { resolveStep, resolveTask, type ResolveOutcome } from '../engine/resolve.ts';
import { retry, type RetryOutcome } from '../engine/retry.ts';
import { WORKFLOW_SCHEDULES } from '../engine/schedule.ts';
import { submit, submitIn, type Submitted } from '../engine/submit.ts';
import { InvalidInputError, TaskerError } from '../errors.ts';
import type { InputOf, WorkflowDefinition } from '../workflow/definition.ts';
import { toStorableJson, validateInput, type ValidationOptions } from '../workflow/index.ts';
import { MAX_RETRY_LIMIT } from '../workflow/step-options.ts';
import { checkedId, checkedMilliseconds, checkedText, checkedTexts, checkedWhole } from './checked.ts';
import { newTask, type SubmitOptions, type SubmitRequest } from './new-task.ts';
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
  /** Schema of the cron tables. Default `tasker_cron`. */
  cronSchema?: string;
  /** Show no value of an input in InvalidInputError, neither in its message nor in its details. Default false: no secrets. */
  hideInputValues?: boolean;
}

export interface TaskDetails extends TaskRow {
  context: unknown;
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
  private cron: Promise<Cron> | undefined;

  constructor(options: ClientOptions) {
    this.options = options;
    this.db = openDatabase({
      url: options.url,
      schema: options.schema ?? 'tasker',
      poolSize: checkedWhole('poolSize', options.poolSize ?? 4, 1, 1000, ' connections'),
      applicationName: options.applicationName ?? 'tasker client',
      prepared: options.preparedStatements ?? true,
      pooled: options.pooled ?? options.preparedStatements === false,
    });
    this.notifier = new Notifier(this.db);
  }

  /** Writes a definition to the database, or finds it there. Submitting does so by itself. Answers its id. */
  register(definition: WorkflowDefinition): Promise<number> {
    return loadDefinitionId(this.db, definition);
  }

  /** Creates a task, or answers the one that has the same identity. Throws InvalidInputError with every issue of the input. */
  async submit<Definition extends WorkflowDefinition>(
    definition: Definition,
    input: InputOf<Definition>,
    options: SubmitOptions = {},
  ): Promise<Submitted> {
    const task = await newTask(await this.register(definition), definition, { ...options, input }, this.validation);
    const [submitted] = await submit(this.db, [task]);
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
    const namedTaskId = await this.register(definition);
    for await (const batch of submitStream(this.db, namedTaskId, definition, requests, batchSize, this.validation)) {
      this.hint(definition);
      yield* batch;
    }
  }

  /** Creates a task in a transaction that the caller began: it exists if and when the caller commits. */
  async submitTask<Definition extends WorkflowDefinition, Schema>(
    transaction: CallersTransaction | Transaction<Schema>,
    definition: Definition,
    input: InputOf<Definition>,
    options: SubmitOptions = {},
  ): Promise<Submitted> {
    const task = await newTask(await this.register(definition), definition, { ...options, input }, this.validation);
    const [submitted] = await submitIn(inCallersTransaction(transaction as CallersTransaction, this.db.schema), [task]);
    this.hintLater(definition);
    return submitted as Submitted;
  }

  async getTask(taskId: string): Promise<TaskDetails | undefined> {
    const [task] = await this.db.run(findTask, [checkedId(taskId)]);
    return task === undefined ? undefined : { ...task, steps: await this.db.run(findTaskSteps, [taskId]) };
  }

  async listTasks(options: ListTasksOptions = {}): Promise<TaskRow[]> {
    const limit = checkedWhole('limit', options.limit ?? 50, 1, 1000, ' tasks');
    return listTasks(this.db, {
      states: options.states,
      namespace: options.namespace,
      workflow: options.workflow,
      below: options.after === undefined ? undefined : checkedId(options.after),
      limit,
    });
  }

  /** Waits until a task has ended (or is in error) and answers it. Rejects at the timeout or the signal's abort. */
  async waitForTask(taskId: string, options: { timeoutMs?: number; signal?: AbortSignal } = {}): Promise<TaskDetails> {
    const deadline = performance.now() + checkedMilliseconds('timeoutMs', options.timeoutMs ?? 60_000);
    for (let delayMs = 20; ; delayMs = Math.min(delayMs * 1.5, 500)) {
      options.signal?.throwIfAborted();
      const task = await this.getTask(taskId);
      if (task === undefined) throw new InvalidInputError(`there is no task ${taskId}`, { field: 'taskId' });
      if (ENDED.has(task.state)) return task;
      if (performance.now() >= deadline) {
        throw new Error(`task ${taskId} is still ${task.state} after ${options.timeoutMs ?? 60_000} ms`);
      }
      await new Promise((resolve) => setTimeout(resolve, delayMs));
    }
  }

  async cancel(taskId: string, act: Act = {}): Promise<CancelOutcome> {
    return cancel(this.db, checkedId(taskId), checkedAct(act));
  }

  async retry(
    taskId: string,
    options: Act & { steps?: readonly string[]; attempts?: number } = {},
  ): Promise<RetryOutcome> {
    const attempts = checkedWhole('attempts', options.attempts ?? 1, 1, MAX_RETRY_LIMIT, ' further attempts');
    const outcome = await retry(this.db, checkedId(taskId), { ...checkedAct(options), attempts });
    if (outcome.outcome === 'retried') this.hintQueues(outcome.queues);
    return outcome;
  }

  /** `result`: what the children see as the step's result. Throws InvalidInputError where it cannot be stored as JSON. */
  async resolveStep(taskId: string, step: string, options: Act & { result?: unknown } = {}): Promise<ResolveOutcome> {
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

  async resolveTask(taskId: string, act: Act = {}): Promise<ResolveOutcome> {
    return resolveTask(this.db, checkedId(taskId), checkedAct(act));
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

  /** Submits the workflow at every tick of a cron expression, once however many schedulers live. Replaces the key's schedule. */
  async schedule<Definition extends WorkflowDefinition>(
    definition: Definition,
    options: { key: string; cron: string; timezone?: string; input: InputOf<Definition>; priority?: number },
  ): Promise<void> {
    const { key, cron, timezone = 'UTC', input, priority } = options;
    if (!/^[\w./-]{1,128}$/.test(key)) {
      throw new InvalidInputError(
        `schedule key ${JSON.stringify(key)}: use 1 to 128 letters, digits, ".", "/", "_" or "-"`,
        { field: 'key' },
      );
    }
    const validated = await validateInput(definition, input, this.validation);
    await this.register(definition);
    const { namespace, name: workflow, version } = definition;
    const scheduler = await this.openCron();
    try {
      await scheduler.schedule(WORKFLOW_SCHEDULES, {
        key,
        cron,
        timezone,
        data: {
          key,
          namespace,
          workflow,
          version,
          input: validated,
          ...(priority === undefined ? {} : { priority }),
        },
      });
    } catch (error) {
      if (error instanceof TaskerError || describeDatabaseError(error) !== undefined) throw error;
      throw new InvalidInputError(
        `schedule "${key}": cron ${JSON.stringify(cron)} in time zone ${JSON.stringify(timezone)} is not valid: ${error instanceof Error ? error.message : String(error)}`,
        { field: 'cron' },
      );
    }
  }

  async unschedule(key: string): Promise<void> {
    await (await this.openCron()).unschedule(WORKFLOW_SCHEDULES, key);
  }

  async schedules(): Promise<{ key: string; cron: string; timezone: string; data: unknown }[]> {
    const schedules = await (await this.openCron()).list(WORKFLOW_SCHEDULES);
    return schedules.map(({ key, cron, timezone, data }) => ({ key, cron, timezone, data }));
  }

  async close(): Promise<void> {
    for (const timer of this.later) clearTimeout(timer);
    await this.notifier.flush();
    if (this.cron !== undefined) await (await this.cron).stop();
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

  private openCron(): Promise<Cron> {
    const opening = (this.cron ??= (async () => {
      const { Cron } = await import('../db/cron.ts');
      const cron = new Cron({
        url: this.options.url,
        schema: this.options.cronSchema ?? 'tasker_cron',
        applicationName: 'tasker client cron',
        pooled: this.options.pooled ?? this.options.preparedStatements === false,
        fires: false,
        onError: () => undefined,
      });
      try {
        await cron.start();
      } catch (error) {
        // Not kept: the database may be there the next time.
        await cron.stop().catch(() => undefined);
        throw error;
      }
      return cron;
    })());
    opening.catch(() => {
      if (this.cron === opening) this.cron = undefined;
    });
    return opening;
  }
}

export function createClient(options: ClientOptions): Client {
  return new Client(options);
}

function checkedAct<Options extends Act & { steps?: readonly string[] }>(options: Options): Options {
  checkedText('by', options.by);
  checkedText('reason', options.reason);
  checkedTexts('steps', options.steps);
  return options;
}
