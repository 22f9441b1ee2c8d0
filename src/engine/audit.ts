import { createHash } from 'node:crypto';
import { DryRunEnded } from '../db/connections/dry-run.ts';
import type { Database, Executor, Transactions } from '../db/connections/database.ts';
import { findUnsealed, insertAudit, lockAuditHead, sealAudit } from '../db/statements/acts/audit.ts';
import { readByIndexOnly } from '../db/reads/task-sets.ts';
import { findTraceContext } from '../db/statements/tasks/traced-tasks.ts';
import { type LinkAct, tracedAct } from '../tracing/act-spans.ts';
import type { OperatorAction } from './operator-action.ts';
import { traceEnded } from './trace-ended.ts';

/** Every act that is audited. */
export type ActName =
  | `task.${'retry' | 'cancel' | 'resolve' | 'purge' | 'restore' | 'rerun' | 'edit'}`
  | `step.${'resolve' | 'release'}`
  | `${'queue' | 'workflow'}.${'pause' | 'resume'}`
  | `hold.${'set' | 'end'}`
  | `search.${'enable' | 'disable'}`
  | `key.${'create' | 'revoke'}`
  | `sign_in.${'begin' | 'end'}`
  | 'payload.read'
  | 'archive.mend'
  | 'audit.prune'
  | `schedule.${'put' | 'remove' | 'pause' | 'resume' | 'trigger'}`
  | `operation.${'start' | 'pause' | 'resume' | 'abort' | 'stop'}`
  /** These are audited if they are refused alone: a task says who submitted it, and an operation who chose its tasks. */
  | 'task.submit'
  | 'operation.preview';

/** What an act was done to. */
export interface ActSubject {
  kind:
    | 'task'
    | 'step'
    | 'tag'
    | 'hold'
    | 'queue'
    | 'workflow'
    | 'schedule'
    | 'operation'
    | 'key'
    | 'sign_in'
    | 'archive'
    | 'audit';
  id: string;
}

export interface Act {
  act: ActName;
  on: ActSubject;
  action: OperatorAction;
  /** What was asked for, beside the subject: no inputs and no results. */
  asked?: Readonly<Record<string, unknown>> | undefined;
}

/** The texts that an act replaced and stored: the audit keeps their hashes. */
export interface Change {
  before?: string | undefined;
  after?: string | undefined;
}

/** Outcomes of acts that changed nothing. */
const REFUSALS = new Set([
  'not_found',
  'not_paused',
  'not found',
  'not paused',
  'refused',
  'held',
  'nothing_to_retry',
  'unknown_steps',
  'not_done',
  'superseded',
  'identity_taken',
  'identity_incomplete',
  'id_taken',
  'changed',
  'kept',
  'invalid_input',
  'wrong_token',
  'expired',
  'error',
  'too_many',
]);

/** Acts after which a task may have ended. */
const ENDING: ReadonlySet<ActName> = new Set(['task.cancel', 'task.resolve', 'step.resolve']);

export const isRefusal = (outcome: string): boolean => REFUSALS.has(outcome);

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/**
 * One act in one transaction, with its row in the audit; `work` does it, and may set what it replaced and stored in `change`. A refusal is
 * audited as well. A dry run does everything, and is rolled back: its outcome is the one that the act would have had at that moment.
 */
export async function audited<Outcome extends { outcome: string }>(
  db: Transactions,
  act: Act,
  work: (tx: Executor, change: Change) => Promise<Outcome>,
): Promise<Outcome> {
  const { on, action } = act;
  const taskId = on.kind === 'task' || on.kind === 'step' ? on.id.split('/')[0] : undefined;
  const run = (link: LinkAct | undefined): Promise<Outcome> =>
    db.transaction(async (tx) => {
      const change: Change = {};
      const outcome = await work(tx, change);
      if (link !== undefined && taskId !== undefined) {
        link((await tx.run(findTraceContext, { task_id: taskId }))[0]?.trace_context);
        if (ENDING.has(act.act) && !isRefusal(outcome.outcome)) await traceEnded(tx, [taskId]);
      }
      if (action.dryRun === true) throw new DryRunEnded(outcome);
      await writeAudit(tx, act, { ...outcome }, change);
      return outcome;
    });
  try {
    // What a dry run does never happened.
    return action.dryRun === true
      ? await run(undefined)
      : await tracedAct({ act: act.act, by: byOf(action), taskId }, run);
  } catch (error) {
    if (error instanceof DryRunEnded) return error.outcome as Outcome;
    throw error;
  }
}

/** Writes the row of an act whose transaction is open. Also for refusals of programs above the engine: who may not act at all. */
export async function writeAudit(
  tx: Executor,
  { act, on, action, asked }: Act,
  { outcome, ...rest }: { outcome: string; [detail: string]: unknown },
  { before, after }: Change = {},
): Promise<void> {
  // Which queues to notify is no outcome that anybody asks about later.
  const { queues: _, ...details } = rest;
  await tx.run(insertAudit, {
    act,
    subject: on.kind,
    subject_id: on.id,
    by: byOf(action),
    reason: action.reason,
    outcome,
    refused: isRefusal(outcome),
    before_hash: before === undefined ? null : sha256(before),
    after_hash: after === undefined ? null : sha256(after),
    details: JSON.stringify({
      ...(action.operation === undefined ? {} : { operation: action.operation }),
      ...(asked === undefined ? {} : { asked }),
      ...details,
    }),
  });
}

export const byOf = (action: OperatorAction): string => action.by ?? 'operator';

/** Acts that one transaction gives their place in the chain: a sixth of a second. */
export const SEALED_AT_ONCE = 5000;

/** Below the id of every act. */
const BEFORE_ALL = '0';

/** What came of giving acts their place. */
export interface Sealed {
  sealed: number;
  /** There are more. */
  more: boolean;
  /** The last of them: more are behind it. What was committed meanwhile with a lower id waits for the next round from the start. */
  last: string;
}

/**
 * Gives acts behind `after` that have none their place in the chain. Of those before, which have theirs, the index of acts without a place has entries until a vacuum: whoever begins with the first again reads
 * the rows of all of them.
 */
export async function sealActs(db: Database, after = BEFORE_ALL): Promise<Sealed & { pausesEnded: boolean }> {
  const [open] = await db.run(findUnsealed, { after });
  const pausesEnded = open?.pauses_ended === true;
  if (open?.found !== true) return { sealed: 0, more: false, last: after, pausesEnded };
  return db.transaction(async (tx) => {
    await tx.run(lockAuditHead);
    return { ...(await sealSome(tx, after)), pausesEnded };
  });
}

/** Until none is left. */
export async function sealAll(db: Database): Promise<void> {
  for (let after = BEFORE_ALL; ;) {
    const { more, last } = await sealActs(db, after);
    if (!more) return;
    after = last;
  }
}

/** Under the lock of the head. */
export async function sealSome(tx: Executor, after = BEFORE_ALL): Promise<Sealed> {
  await tx.run(readByIndexOnly, { how: 'ordered' });
  const [row] = await tx.run(sealAudit, { after, size: SEALED_AT_ONCE });
  const sealed = row?.sealed ?? 0;
  return { sealed, more: sealed === SEALED_AT_ONCE, last: row?.last ?? after };
}
