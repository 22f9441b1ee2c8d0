import { createHash, randomUUID } from 'node:crypto';
import type { Database, Executor } from '../db/connections/database.ts';
import { findRootQueues } from '../db/statements/workflows/register-workflow.ts';
import {
  findRunningOccurrence,
  findWorkflowVersions,
  listSchedules,
  lockSchedule,
  lockScheduleState,
  recordOccurrence,
  recordScheduleFailure,
  recordTrigger,
  type ScheduleRow,
} from '../db/statements/schedules/schedules.ts';
import { UnknownWorkflowError } from '../errors.ts';
import { decidedUntil, type DueOccurrence, dueOccurrences } from './due-occurrences.ts';
import { chooseVersion, type ScheduledSubmit, WORKFLOW_SCHEDULES } from './scheduled-submit.ts';
import { submitIn, type Submitted } from '../engine/submit.ts';
import type { WorkflowName } from '../workflow/definition.ts';
import { initiatorOf, storedOccurrence } from '../workflow/task-occurrence.ts';

export interface Fired {
  key: string;
  outcome: 'created' | 'existing' | 'skipped';
  /** The occurrence was missed at its time. */
  madeUp: boolean;
  /** Undefined if the occurrence was skipped. */
  taskId: string | undefined;
  /** The task of this occurrence was there, with another input: it was made before the schedule got its present one. */
  inputDiffers: boolean;
  queues: string[];
}

export interface FireOutcome {
  fired: Fired[];
  /** Schedules that are due and could not be fired, with the reason. */
  failed: { key: string; error: unknown }[];
  /** A schedule has more due than one call decides. */
  more: boolean;
}

/** Occurrences of one schedule that one call decides: a tick's work has to end before another scheduler may take the tick. */
const MOST_AT_ONCE = 200;

/**
 * Submits what is due: every occurrence that is not decided yet and that the schedule's make-up policy does not leave out, of one
 * schedule or of all, by their present rows. Every caller (a tick, however late; the check for occurrences without a tick; a return after an outage) finds the
 * same occurrences with the same identities, and a removed schedule has none. A schedule that fails does not stop the others.
 *
 * `key`: one schedule. `leaveSeconds`: what came due within this time is left to ticks. `onTimeSeconds`: what came due within this time
 * is not made up for.
 */
export async function fireDue(
  db: Database,
  cronSchema: string,
  options: { key?: string; leaveSeconds?: number; now?: Date; onTimeSeconds?: number } = {},
): Promise<FireOutcome> {
  const outcome: FireOutcome = { fired: [], failed: [], more: false };
  for (const schedule of await db.run(listSchedules(cronSchema), { queue: WORKFLOW_SCHEDULES, key: options.key })) {
    try {
      const now = options.now ?? schedule.now;
      const until = new Date(now.getTime() - (options.leaveSeconds ?? 0) * 1000);
      let decided = 0;
      for (const occurrence of dueOccurrences(schedule, { now, until, onTimeSeconds: options.onTimeSeconds })) {
        if (decided >= MOST_AT_ONCE) {
          outcome.more = true;
          break;
        }
        decided += 1;
        const fired = await fireOccurrence(db, cronSchema, schedule, occurrence, now);
        if (fired !== undefined) outcome.fired.push(fired);
      }
    } catch (error) {
      // In order: a later occurrence is not submitted before one that failed and will be tried again.
      outcome.failed.push({ key: schedule.key, error });
      await db.run(recordScheduleFailure, {
        key: schedule.key,
        error: error instanceof Error ? error.message : String(error),
      });
    }
  }
  return outcome;
}

/**
 * Decides one occurrence, in one transaction: two schedulers that decide the same occurrence, or two of one schedule, wait for each
 * other at the lock of the schedule's state. Undefined if it was decided meanwhile, or if the schedule was removed or changed.
 */
function fireOccurrence(
  db: Database,
  cronSchema: string,
  schedule: ScheduleRow,
  { at, identity, madeUp }: DueOccurrence,
  now: Date,
): Promise<Fired | undefined> {
  const data = schedule.data as ScheduledSubmit;
  const { key } = schedule;
  return db.transaction(async (tx) => {
    const [state] = await tx.run(lockScheduleState, { key });
    if (state === undefined || state.paused_at !== null) return undefined;
    if (at.getTime() <= Math.max(decidedUntil(state.occurrence_at, now), decidedUntil(state.resumed_at, now)))
      return undefined;
    const found = await tx.run(lockSchedule(cronSchema), {
      queue: WORKFLOW_SCHEDULES,
      key,
      revision: schedule.revision,
    });
    if (found.length === 0) return undefined;
    if (data.overlap === 'skip' && (await tx.run(findRunningOccurrence, { key })).length > 0) {
      await tx.run(recordOccurrence, { key, occurrence_at: at, outcome: 'skipped', task_id: null, schedule: null });
      return { key, outcome: 'skipped' as const, madeUp, taskId: undefined, inputDiffers: false, queues: [] };
    }
    const namedTaskId = await findVersion(tx, data);
    const [submitted] = await submitIn(
      tx,
      [taskOf(schedule, namedTaskId, identityOf(key, identity))],
      undefined,
      workflowOf(data),
    );
    const { outcome, taskId, ...existing } = submitted as Submitted;
    const inputDiffers = 'inputDiffers' in existing && existing.inputDiffers;
    await tx.run(recordOccurrence, {
      key,
      occurrence_at: at,
      outcome: 'submitted',
      task_id: taskId,
      // A task that was there has its occurrence.
      schedule: outcome === 'created' ? JSON.stringify(storedOccurrence({ name: key, scheduledAt: at, madeUp })) : null,
    });
    const queues = (await tx.run(findRootQueues, { named_task_id: namedTaskId })).map((row) => row.queue);
    return { key, outcome, madeUp, taskId, inputDiffers, queues };
  });
}

/** Submits the workflow of a schedule once more, beside its occurrences. */
export async function trigger(tx: Executor, schedule: ScheduleRow): Promise<{ taskId: string; queues: string[] }> {
  const data = schedule.data as ScheduledSubmit;
  const { key, now } = schedule;
  const namedTaskId = await findVersion(tx, data);
  const identity = identityOf(key, `trigger ${randomUUID()}`);
  const [submitted] = await submitIn(tx, [taskOf(schedule, namedTaskId, identity)], undefined, workflowOf(data));
  const { taskId } = submitted as Submitted;
  const occurrence = storedOccurrence({ name: key, scheduledAt: now, madeUp: false });
  await tx.run(recordTrigger, { task_id: taskId, schedule: JSON.stringify(occurrence) });
  const queues = (await tx.run(findRootQueues, { named_task_id: namedTaskId })).map((row) => row.queue);
  return { taskId, queues };
}

function taskOf({ key, data: stored }: ScheduleRow, namedTaskId: number, identityHash: string) {
  const data = stored as ScheduledSubmit;
  return {
    namedTaskId,
    identityHash,
    context: JSON.stringify(data.input ?? null),
    priority: data.priority,
    tags: data.tags,
    reason: data.reason,
    initiator: initiatorOf(key),
  };
}

/** For spans. The version is the one that the schedule names. */
const workflowOf = ({ namespace, workflow: name, version }: ScheduledSubmit): WorkflowName => ({
  namespace,
  name,
  version,
});

async function findVersion(tx: Executor, data: ScheduledSubmit): Promise<number> {
  const registered = await tx.run(findWorkflowVersions, {
    workflows: [{ namespace: data.namespace, name: data.workflow }],
  });
  const chosen = chooseVersion(data, registered);
  if (chosen === undefined) {
    throw new UnknownWorkflowError(
      `schedule "${data.key}" names workflow ${data.namespace}/${data.workflow} ${data.version}, which no worker has registered: start a worker that has it, or remove the schedule`,
    );
  }
  return chosen.named_task_id;
}

/** The identity of an occurrence's task: unique in the installation, which has one list of schedules. */
function identityOf(key: string, identity: string): string {
  return createHash('sha256').update(`schedule\n${key}\n${identity}`).digest('hex');
}
