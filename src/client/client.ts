import type { CallersTransaction } from '../db/connections/callers-transaction.ts';
import type { Database } from '../db/connections/database.ts';
import type { QueueStatsRow } from '../db/reads/queues.ts';
import type { WorkerRow } from '../db/reads/workers.ts';
import type { WorkflowList } from '../db/reads/workflows.ts';
import type { Submitted } from '../engine/submit.ts';
import { type QueueReport, readEveryQueue, readQueues } from '../reads/queues.ts';
import { readTask, type TaskDetails } from '../reads/task.ts';
import { readWorker, readWorkers, type WorkerDetails } from '../reads/workers.ts';
import { readWorkflows } from '../reads/workflows.ts';
import type { InputOf, WorkflowDefinition } from '../workflow/definition.ts';
import type { ArchiveClient } from './archive-client.ts';
import { checkedMilliseconds, checkNoTransaction } from './checked.ts';
import { checkedId } from '../workflow/checked-id.ts';
import { ActsClient } from './acts-client.ts';
import type { ClientOptions, InTransaction, WaitOptions } from './client-options.ts';
import { openClient } from './client-parts.ts';
import { knowDefinitionId, submitBound, submitBoundIn } from './definitions.ts';
import { batchWriter, openTransaction } from './in-transaction.ts';
import { newTask, type SubmitOptions, type SubmitRequest } from './new-task.ts';
import { submitStream } from './submit-stream.ts';
import { type SubmittedByName, submitStored, type WorkflowByName } from './stored-workflow.ts';
import { type TaskResult, taskResult } from './task-result.ts';

/** Submits tasks, reads and steers them. One client for a process is enough; `close` it at the end. */
export class Client extends ActsClient {
  /** Tasks that were moved to the archive. */
  readonly archive: ArchiveClient;

  /** @internal With a database of the process around it. */
  constructor(options: ClientOptions, db?: Database) {
    super(openClient(options, db));
    this.archive = this.parts.archive;
  }

  /**
   * Creates a task, or returns the one that has the same identity; the rule `reuse` can let a new one replace it. With a `transaction`,
   * as `submitTask`. Throws InvalidInputError with every issue of the input.
   */
  async submit<Definition extends WorkflowDefinition>(
    definition: Definition,
    input: InputOf<Definition>,
    options: SubmitOptions & InTransaction = {},
  ): Promise<Submitted> {
    if (options.transaction !== undefined) return this.submitTask(options.transaction, definition, input, options);
    const task = await newTask(definition, { ...options, input }, this.parts.validation);
    const submitted = await submitBound(this.db, definition, [task]);
    this.parts.notifications.created(definition, submitted);
    return submitted[0] as Submitted;
  }

  /**
   * Creates many tasks, in batches, from any iterable, which is read no faster than the database takes its tasks. Yields one
   * result for each, in order. An invalid request ends the stream with its error; the requests before it are submitted. With a
   * `transaction`, all of them exist if and when the caller commits.
   */
  async *submitMany<Definition extends WorkflowDefinition>(
    definition: Definition,
    requests: Iterable<SubmitRequest<Definition>> | AsyncIterable<SubmitRequest<Definition>>,
    options: InTransaction & { batchSize?: number } = {},
  ): AsyncGenerator<Submitted> {
    const writer = await batchWriter(definition, options, this.db);
    const stream = { batchSize: options.batchSize ?? 1000, validation: this.parts.validation, writer };
    for await (const batch of submitStream(definition, requests, stream)) {
      this.parts.notifications.created(definition, batch, options);
      yield* batch;
    }
  }

  /**
   * Creates a task in a transaction that the caller began: it exists if and when the caller commits. Takes a client of pg after
   * its BEGIN, a transaction of Kysely, one of another library through its adapter (`tasker-fleet/transactions`), or an object with
   * `query({ text, values })` that resolves to `{ rows }`. Throws InvalidInputError if no transaction is open.
   */
  async submitTask<Definition extends WorkflowDefinition>(
    transaction: CallersTransaction,
    definition: Definition,
    input: InputOf<Definition>,
    options: SubmitOptions = {},
  ): Promise<Submitted> {
    const tx = await openTransaction(transaction, this.db);
    const task = await newTask(definition, { ...options, input }, this.parts.validation);
    const submitted = await submitBoundIn(tx, this.db, definition, [task]);
    this.parts.notifications.created(definition, submitted, { transaction });
    return submitted[0] as Submitted;
  }

  /**
   * As `submit`, without the code of the workflow: by its names, and checked against the JSON Schema that the database has of its input.
   * Transforms and refinements of the code, which JSON Schema cannot express, are not applied. `version`: by default the newest that a
   * live worker serves. Throws UnknownWorkflowError, and InvalidInputError with every issue of the input.
   */
  async submitByName(
    workflow: WorkflowByName,
    input: unknown,
    options: SubmitOptions & InTransaction = {},
  ): Promise<SubmittedByName> {
    const submitted = await submitStored(this.parts, workflow, [{ ...options, input }], options);
    return submitted[0] as SubmittedByName;
  }

  /** As `submitByName`, for many tasks of one workflow, all or none of them. */
  submitManyByName(
    workflow: WorkflowByName,
    requests: readonly (SubmitOptions & { input: unknown })[],
    options: InTransaction = {},
  ): Promise<SubmittedByName[]> {
    return submitStored(this.parts, workflow, requests, options);
  }

  /** A task with its input and its steps; undefined if there is none with this id. */
  async getTask(taskId: string): Promise<TaskDetails | undefined> {
    return readTask(this.db, checkedId(taskId));
  }

  /**
   * Waits until a task has ended (or is in error) and returns it. Throws WaitTimeoutError at the deadline, or the reason of the signal's
   * abort. All calls of a client wait together: any number of them costs the database at most 20 statements a second.
   */
  async waitForTask(taskId: string, options: WaitOptions = {}): Promise<TaskDetails> {
    const timeoutMs = checkedMilliseconds('timeoutMs', options.timeoutMs ?? 60_000);
    return this.parts.watcher.wait(checkedId(taskId), { timeoutMs, signal: options.signal });
  }

  /**
   * Waits until a task has ended (or is in error), as `waitForTask`, and returns how: its results, typed by the definition, or its
   * errors. Throws InvalidInputError if the task is of another workflow or version.
   */
  async result<Definition extends WorkflowDefinition>(
    definition: Definition,
    taskId: string,
    options: WaitOptions = {},
  ): Promise<TaskResult<Definition>> {
    return taskResult(definition, await this.waitForTask(taskId, options));
  }

  /** `submit` and `result` in one. If it throws WaitTimeoutError, the task goes on under the `taskId` of its details. */
  async submitAndWait<Definition extends WorkflowDefinition>(
    definition: Definition,
    input: InputOf<Definition>,
    { timeoutMs, signal, ...options }: SubmitOptions & WaitOptions = {},
  ): Promise<TaskResult<Definition> & { readonly submitted: Submitted }> {
    checkNoTransaction(options, 'submitAndWait', 'submit in it, commit, and then wait for client.result');
    const wait = { ...(timeoutMs === undefined ? {} : { timeoutMs }), ...(signal === undefined ? {} : { signal }) };
    if (timeoutMs !== undefined) checkedMilliseconds('timeoutMs', timeoutMs);
    const submitted = await this.submit(definition, input, options);
    return { ...(await this.result(definition, submitted.taskId, wait)), submitted };
  }

  /** The live processes of the fleet, or all that are on record. */
  workers(options: { stopped?: boolean } = {}): Promise<WorkerRow[]> {
    return readWorkers(this.db, options);
  }

  /**
   * One process: its lease, the workflow versions that it can run, and the steps that it holds (200 at most). Also one that has stopped, as
   * long as it is on record. Undefined if there is none. Throws InvalidInputError.
   */
  async worker(workerId: string): Promise<WorkerDetails | undefined> {
    return readWorker(this.db, checkedId(workerId, 'workerId'));
  }

  /**
   * Every workflow version with its open tasks, the live workers that serve it, and why others refuse it. Counts the tasks of up to 20,000 open steps; from the
   * replica for reports, if there is one.
   */
  async workflows(): Promise<WorkflowList> {
    const began = new Date();
    const { value, source } = await this.reports.read(readWorkflows);
    return { workflows: value, asOf: source.asOf ?? began };
  }

  /** The ready steps of each queue that has any. */
  queues(): Promise<QueueStatsRow[]> {
    return readQueues(this.db);
  }

  /** Idle queues too, each with how many workers it should have and why, and its times of the last two hours. */
  everyQueue(): Promise<QueueReport[]> {
    return readEveryQueue(this.db);
  }

  /**
   * @internal A worker runs in the same program: `wake` is called with the queues in which submits and acts of this client made steps
   * ready. Returns what the worker calls with the tasks that it has ended, and with the ids of the workflows that it has registered.
   */
  besideWorker(wake: (queues: readonly string[]) => void): {
    ended: (taskIds: readonly string[]) => void;
    registered: (definition: WorkflowDefinition, id: number) => void;
  } {
    this.parts.notifications.wakeHere = wake;
    return {
      ended: (taskIds) => this.parts.watcher.checkEnded(taskIds),
      registered: (definition, id) => knowDefinitionId(this.db, definition, id),
    };
  }

  /** Closes the connections. What still waits for a task throws ClientClosedError. Idempotent. */
  async close(): Promise<void> {
    await this.parts.close();
  }
}

/** A client for one fleet. It connects at the first call. Throws InvalidInputError for options out of range. */
export function createClient(options: ClientOptions): Client {
  return new Client(options);
}
