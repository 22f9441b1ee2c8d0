import { createHash } from 'node:crypto';
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
  type ScheduleRow,
} from '../db/statements/schedules/schedules.ts';
import { UnknownWorkflowError } from '../errors.ts';
import { CronSchedule, type Occurrence } from './occurrence.ts';
import { chooseVersion, type ScheduledSubmit, WORKFLOW_SCHEDULES } from './scheduled-submit.ts';
import { submitIn, type Submitted } from '../engine/submit.ts';

export interface Fired {
  key: string;
  outcome: 'created' | 'existing' | 'skipped';
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
}

/** Occurrences older than this are not made up for: a fleet that had no scheduler for hours does not submit them all afterwards. */
export const CATCH_UP_MINUTES = 10;
/** A schedule whose creation is later than now (the clock was set back since) counts as created this long ago. */
const UNKNOWN_SINCE_MS = 2 * 60_000;

/**
 * Submits what is due: every occurrence of the last CATCH_UP_MINUTES that is not decided yet, of one schedule or of all, by their
 * present rows. Every caller (a tick, however late; the check for occurrences without a tick; a return after an outage) finds the
 * same occurrences with the same identities, and a removed schedule has none. A schedule that fails does not stop the others.
 *
 * `key`: one schedule. `leaveSeconds`: what came due within this time is left to ticks.
 */
export async function fireDue(
  db: Database,
  cronSchema: string,
  options: { key?: string; leaveSeconds?: number; now?: Date } = {},
): Promise<FireOutcome> {
  const outcome: FireOutcome = { fired: [], failed: [] };
  for (const schedule of await db.run(listSchedules(cronSchema), { queue: WORKFLOW_SCHEDULES, key: options.key })) {
    try {
      const now = options.now ?? schedule.now;
      const until = new Date(now.getTime() - (options.leaveSeconds ?? 0) * 1000);
      const occurrences = dueOccurrences(schedule, now, until);
      for (const occurrence of occurrences) {
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

/** Throws InvalidInputError for an expression or a time zone that this version does not accept. */
function dueOccurrences(schedule: ScheduleRow, now: Date, until: Date): Occurrence[] {
  const made = sinceOf(schedule).getTime();
  const from = Math.max(
    now.getTime() - CATCH_UP_MINUTES * 60_000,
    made > now.getTime() ? now.getTime() - UNKNOWN_SINCE_MS : made,
    decidedUntil(schedule.occurrence_at, now),
  );
  return new CronSchedule(schedule.cron, schedule.timezone).between(new Date(from), until);
}

/** When a schedule was made, or last got another cron expression or time zone. */
export function sinceOf({ data, updated_at: updatedAt }: Pick<ScheduleRow, 'data' | 'updated_at'>): Date {
  const { since } = data as Partial<ScheduledSubmit>;
  return since === undefined ? updatedAt : new Date(since);
}

/**
 * A decision far in the future was made before the clock was set back. It does not count, but the identities of its tasks still
 * prevent a second submit. A decision that is a little ahead was made by a scheduler that read the time a moment later.
 */
function decidedUntil(occurrenceAt: Date | null, now: Date): number {
  if (occurrenceAt === null || occurrenceAt.getTime() > now.getTime() + CATCH_UP_MINUTES * 60_000) return 0;
  return occurrenceAt.getTime();
}

/**
 * Decides one occurrence, in one transaction: two schedulers that decide the same occurrence, or two of one schedule, wait for each
 * other at the lock of the schedule's state. Undefined if it was decided meanwhile, or if the schedule was removed or changed.
 */
function fireOccurrence(
  db: Database,
  cronSchema: string,
  schedule: ScheduleRow,
  { at, identity }: Occurrence,
  now: Date,
): Promise<Fired | undefined> {
  const data = schedule.data as ScheduledSubmit;
  const { key } = schedule;
  return db.transaction(async (tx) => {
    const [state] = await tx.run(lockScheduleState, { key });
    if (at.getTime() <= decidedUntil(state?.occurrence_at ?? null, now)) return undefined;
    const found = await tx.run(lockSchedule(cronSchema), {
      queue: WORKFLOW_SCHEDULES,
      key,
      revision: schedule.revision,
    });
    if (found.length === 0) return undefined;
    if (data.overlap === 'skip' && (await tx.run(findRunningOccurrence, { key })).length > 0) {
      await tx.run(recordOccurrence, { key, occurrence_at: at, outcome: 'skipped', task_id: null });
      return { key, outcome: 'skipped' as const, taskId: undefined, inputDiffers: false, queues: [] };
    }
    const namedTaskId = await findVersion(tx, data);
    const [submitted] = await submitIn(tx, [
      {
        namedTaskId,
        identityHash: identityOf(key, identity),
        context: JSON.stringify(data.input ?? null),
        priority: data.priority,
        tags: data.tags,
        reason: data.reason,
        initiator: `schedule:${key}`,
      },
    ]);
    const { outcome, taskId, ...existing } = submitted as Submitted;
    const inputDiffers = 'inputDiffers' in existing && existing.inputDiffers;
    await tx.run(recordOccurrence, { key, occurrence_at: at, outcome: 'submitted', task_id: taskId });
    const queues = (await tx.run(findRootQueues, { named_task_id: namedTaskId })).map((row) => row.queue);
    return { key, outcome, taskId, inputDiffers, queues };
  });
}

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
