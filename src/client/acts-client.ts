import type { AuditRow } from '../db/reads/audit.ts';
import type { PauseRow } from '../db/statements/acts/pauses.ts';
import { sealAll } from '../engine/audit.ts';
import { cancel, type CancelOutcome } from '../engine/cancel.ts';
import type { OperatorAction } from '../engine/operator-action.ts';
import { pause, type PauseOutcome, pauses, resume, type ResumeOutcome } from '../engine/pause.ts';
import { releaseHeldStep, type ReleaseHeldOutcome } from '../engine/release-held.ts';
import { resolveStep, resolveTask, type ResolveOutcome } from '../engine/resolve.ts';
import { rerun, type RerunOutcome } from '../engine/rerun.ts';
import { retry, type RetryOutcome } from '../engine/retry.ts';
import {
  type AuditFilter,
  type ChainedAct,
  type ChainReport,
  readAudit,
  readChain,
  readChainReport,
} from '../reads/audit.ts';
import { InvalidInputError } from '../errors.ts';
import { DEFAULT_NAMESPACE } from '../workflow/build-definition.ts';
import { MAX_RETRY_LIMIT } from '../workflow/step-options.ts';
import {
  checkedAuditFilter,
  checkedPausable,
  type PausableName,
  type PauseOptions,
  pauseSeconds,
} from './checked-acts.ts';
import { checkedResult, checkedTexts, checkedWhole } from './checked.ts';
import { checkedId } from '../workflow/checked-id.ts';
import type { InTransaction } from './client-options.ts';
import type { Attempt } from './act-gate.ts';
import type { ClientParts } from './client-parts.ts';
import { Operations } from './operations.ts';
import { transactionsOf } from './in-transaction.ts';
import { editedInput } from './edited-input.ts';
import { type PurgeOptions, type PurgeReport, purgeSelected, type PurgeSelection } from './purge.ts';
import { InsightClient } from './insight-client.ts';

/** Filters and pages of `audit`. */
export interface AuditOptions extends AuditFilter {
  /** Only acts with a lower id: the last `audit_id` of the page before. */
  before?: string | undefined;
  /** 1 to 1,000, default 50. */
  limit?: number;
}

/** What a client changes of tasks, queues and workflows. Each act has a row in the audit, written in the same transaction. */
export class ActsClient extends InsightClient {
  /** One act on many tasks, which schedulers work off. */
  readonly operations: Operations;

  protected constructor(parts: ClientParts) {
    super(parts);
    this.operations = new Operations(parts.db, parts.acts);
  }

  /**
   * Ends a task that has not ended: what runs is aborted, what waits is cancelled. `refused`: it has ended, or is in error. This and
   * the next four verbs act in the caller's `transaction`, if one is given: they take effect if and when the caller commits.
   */
  async cancel(taskId: string, action: OperatorAction & InTransaction = {}): Promise<CancelOutcome> {
    return this.parts.acts.pass({ act: 'task.cancel', on: onTask(taskId) }, action, async (checked) =>
      cancel(await transactionsOf(checked, this.db), checkedId(taskId), checked),
    );
  }

  /**
   * Runs the steps in error of a task again (all, or those named), at once, with at least `attempts` (1) further attempts. `input`: with
   * another input, of the one step that is named, or, without `steps`, of the task, which must be in error then. It is checked against
   * the stored JSON Schema of the workflow's input. Throws InvalidInputError.
   */
  async retry(
    taskId: string,
    options: OperatorAction & InTransaction & { steps?: readonly string[]; attempts?: number; input?: unknown } = {},
  ): Promise<RetryOutcome> {
    const { input } = options;
    const outcome = await this.parts.acts.pass({ act: 'task.retry', on: onTask(taskId) }, options, async (action) => {
      const attempts = checkedWhole('attempts', options.attempts ?? 1, 1, MAX_RETRY_LIMIT, ' further attempts');
      checkedId(taskId);
      const edit =
        input === undefined
          ? undefined
          : await editedInput(this.db, taskId, { ...options, input }, this.parts.validation);
      return retry(await transactionsOf(options, this.db), taskId, { ...action, attempts, edit });
    });
    if (outcome.outcome === 'retried') this.notifyOf(taskId, outcome.queues, options);
    return outcome;
  }

  /**
   * Declares one step done by hand. `result`: what its children see as its result. Throws InvalidInputError if it cannot be stored
   * as JSON.
   */
  async resolveStep(
    taskId: string,
    step: string,
    options: OperatorAction & InTransaction & { result?: unknown } = {},
  ): Promise<ResolveOutcome> {
    const attempt = { act: 'step.resolve', on: onStep(taskId, step) } as const;
    const outcome = await this.parts.acts.pass(attempt, options, async (checked) => {
      const action = { ...checked, result: checkedResult(step, options.result ?? null) };
      return resolveStep(await transactionsOf(options, this.db), checkedId(taskId), step, action);
    });
    if (outcome.outcome === 'resolved') this.notifyOf(taskId, outcome.queues, options);
    return outcome;
  }

  /** Declares a whole task in error done by hand: its open steps are cancelled. */
  async resolveTask(taskId: string, action: OperatorAction & InTransaction = {}): Promise<ResolveOutcome> {
    return this.parts.acts.pass({ act: 'task.resolve', on: onTask(taskId) }, action, async (checked) =>
      resolveTask(await transactionsOf(checked, this.db), checkedId(taskId), checked),
    );
  }

  /**
   * Makes a new task from one that has ended or is in error, with the same workflow, input, priority and tags. `from`: these steps run and
   * everything after them; the results of all others, which must be done, are taken over. `input`: another input, checked as by `retry`. The new task
   * has an identity and idempotency keys of its own: effects happen again. Throws InvalidInputError.
   */
  async rerun(
    taskId: string,
    options: OperatorAction & InTransaction & { from?: readonly string[]; input?: unknown } = {},
  ): Promise<RerunOutcome> {
    const outcome = await this.parts.acts.pass({ act: 'task.rerun', on: onTask(taskId) }, options, async (action) => {
      checkedId(taskId);
      const from = checkedTexts('from', options.from);
      if (from?.length === 0)
        throw new InvalidInputError('from is []: name a step, or leave it out', { field: 'from' });
      const edit =
        options.input === undefined
          ? undefined
          : await editedInput(this.db, taskId, { input: options.input }, this.parts.validation);
      return rerun(await transactionsOf(options, this.db), taskId, { ...action, from, input: edit?.input });
    });
    if (outcome.outcome === 'created') this.notifyOf(outcome.taskId, outcome.queues, options);
    return outcome;
  }

  /**
   * Takes a step in progress away from the process that holds it and puts it back in its queue, its attempt uncounted: for a step
   * that no recovery finds. If that process lives, only with `force`.
   */
  async releaseStep(
    taskId: string,
    step: string,
    options: OperatorAction & InTransaction & { force?: boolean } = {},
  ): Promise<ReleaseHeldOutcome> {
    const attempt = { act: 'step.release', on: onStep(taskId, step) } as const;
    const outcome = await this.parts.acts.pass(attempt, options, async (action) =>
      releaseHeldStep(await transactionsOf(options, this.db), checkedId(taskId), step, action),
    );
    if (outcome.outcome === 'released') this.notifyOf(taskId, outcome.queues, options);
    return outcome;
  }

  /**
   * Removes tasks for good, with their input, results and history, from the tables and from the archive: those with these ids, or all with
   * a tag, in batches that commit one by one. Tasks that have not ended stay, unless `open` is set; those that a legal hold keeps stay in any
   * case.
   */
  async purge(selection: PurgeSelection, options: PurgeOptions = {}): Promise<PurgeReport> {
    return this.parts.acts.pass({ act: 'task.purge', on: onSelection(selection) }, options, (action) =>
      purgeSelected(this.db, this.parts.archive, selection, action),
    );
  }

  /**
   * Lets workers claim nothing of a queue, or of a workflow (`namespace/name`, all versions), until it is resumed or the pause ends (`until`,
   * or after `forSeconds`). What runs goes on. Workers notice with their next heartbeat, at most a second later in general. Throws InvalidInputError.
   */
  async pause(what: PausableName, options: PauseOptions = {}): Promise<PauseOutcome> {
    return this.parts.acts.pass(attemptOn(what, 'pause'), options, async (action) => {
      const { pausable, seconds } = { pausable: checkedPausable(what), seconds: pauseSeconds(options) };
      return pause(await transactionsOf(options, this.db), pausable, { ...action, seconds });
    });
  }

  /** Ends a pause: workers claim again with their next heartbeat. */
  async resume(what: PausableName, options: OperatorAction & InTransaction = {}): Promise<ResumeOutcome> {
    return this.parts.acts.pass(attemptOn(what, 'resume'), options, async (action) => {
      const pausable = checkedPausable(what);
      return resume(await transactionsOf(options, this.db), pausable, action);
    });
  }

  /** What is paused, by whom, why and until when. */
  pauses(): Promise<PauseRow[]> {
    return pauses(this.db);
  }

  /** Acts of operators, newest first, refusals included: who did what, when, on what and why, and what came of it. */
  async audit(options: AuditOptions = {}): Promise<AuditRow[]> {
    const { before } = options;
    const limit = checkedWhole('limit', options.limit ?? 50, 1, 1000, ' acts');
    const page = { before: before === undefined ? undefined : checkedId(before, 'before'), limit };
    return readAudit(this.db, checkedAuditFilter(options), page);
  }

  /** Every act in the order of the chain, each with the text that its hash is made of: for a file outside of the database. */
  async *auditChain(): AsyncGenerator<ChainedAct> {
    await sealAll(this.db);
    yield* readChain(this.db);
  }

  /**
   * Whether the audit is as it was written: each act has the hash of its text and of the act before it. Whoever can write to the database can
   * also make a new chain, so keep `hash` and `position`, or an export, elsewhere.
   */
  async verifyAudit(): Promise<ChainReport> {
    await sealAll(this.db);
    return readChainReport(this.db);
  }

  /** @internal An act of a program above the client, as every other one. */
  act<Options extends OperatorAction, Outcome>(
    attempt: Attempt,
    action: Options,
    work: (action: Options) => Promise<Outcome>,
  ): Promise<Outcome> {
    return this.parts.acts.pass(attempt, action, work);
  }

  private notifyOf(
    taskId: string,
    queues: readonly string[],
    options: InTransaction & Pick<OperatorAction, 'dryRun'>,
  ): void {
    if (options.dryRun !== true) this.parts.notifications.readied(taskId, queues, options);
  }
}

const onTask = (taskId: string) => ({ kind: 'task', id: taskId }) as const;
const onStep = (taskId: string, step: string) => ({ kind: 'step', id: `${taskId}/${step}` }) as const;

/** Several tasks are one act, as in the row of a purge. */
function onSelection({ taskIds, tag }: { taskIds?: readonly string[]; tag?: string }) {
  if (tag !== undefined) return { kind: 'tag', id: tag } as const;
  return { kind: 'task', id: taskIds?.length === 1 ? taskIds[0] : `${taskIds?.length ?? 0} tasks` } as const;
}

function attemptOn(what: PausableName, verb: 'pause' | 'resume') {
  const { queue, workflow } = (what ?? {}) as { queue?: unknown; workflow?: unknown };
  if (queue !== undefined) return { act: `queue.${verb}`, on: { kind: 'queue', id: queue } } as const;
  const id = typeof workflow === 'string' && !workflow.includes('/') ? `${DEFAULT_NAMESPACE}/${workflow}` : workflow;
  return { act: `workflow.${verb}`, on: { kind: 'workflow', id } } as const;
}
