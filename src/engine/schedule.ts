import { createHash } from 'node:crypto';
import type { Schedule, Tick } from '../db/cron.ts';
import type { Database } from '../db/database.ts';
import { UnknownWorkflowError } from '../errors.ts';
import { findNamedTask, findRootQueues } from '../db/statements/register-workflow.ts';
import { findTasksByIdentity } from '../db/statements/submit-tasks.ts';
import { CronSchedule, type Occurrence } from './occurrence.ts';
import { submit } from './submit.ts';

/** The pg-boss queue whose schedules submit workflows. */
export const WORKFLOW_SCHEDULES = 'tasker-workflow-schedules';

/** What a workflow schedule carries: the input was validated when the schedule was made. */
export interface ScheduledSubmit {
  key: string;
  namespace: string;
  workflow: string;
  version: string;
  input: unknown;
  priority?: number;
}

export interface Fired {
  key: string;
  outcome: 'created' | 'existing';
  taskId: string;
  queues: string[];
}

/** A tick reaches us within a minute or two of its occurrence. */
const TICK_MINUTES = 5;
/** What no tick came for within this time stays undone: a fleet without schedulers does not work it all off afterwards. */
export const CATCH_UP_MINUTES = 10;

/**
 * Submits the task of one tick. Its identity is the occurrence that the tick stands for, so two ticks for one occurrence (a
 * scheduler died between the submit and its acknowledgement; clocks were put back) submit once. Throws UnknownWorkflowError
 * where the workflow is not registered (yet).
 */
export async function submitScheduled(db: Database, tick: Tick, schedule: Schedule | undefined): Promise<Fired> {
  const data = tick.data as ScheduledSubmit;
  const occurrence = schedule === undefined ? undefined : readable(schedule)?.newest(tick.createdAt, TICK_MINUTES);
  return submitOnce(db, data, identityOf(data.key, occurrence ?? { identity: tick.id }));
}

/**
 * Submits what the schedules were due for in the last minutes and no tick came for: a time of day that the clocks jumped
 * over, or a minute in which no scheduler lived. Answers what was submitted now, and which schedules failed and why.
 */
export async function submitMissed(
  db: Database,
  schedules: readonly Schedule[],
  now: Date,
): Promise<{ fired: Fired[]; failed: unknown[] }> {
  const due = schedules.flatMap((schedule) => {
    // Not from before it was made or changed.
    const from = Math.max(now.getTime() - CATCH_UP_MINUTES * 60_000, schedule.updatedAt?.getTime() ?? 0);
    // The last minute is left to the ticks themselves, which are on their way.
    const occurrences = readable(schedule)?.between(new Date(from), new Date(now.getTime() - 60_000)) ?? [];
    return occurrences.map((occurrence) => ({
      data: schedule.data as ScheduledSubmit,
      identityHash: identityOf(schedule.key, occurrence),
    }));
  });
  const known = new Set(
    due.length === 0
      ? []
      : (await db.run(findTasksByIdentity, [due.map(({ identityHash }) => identityHash).toSorted()])).map(
          (row) => row.identity_hash,
        ),
  );
  const fired: Fired[] = [];
  const failed: unknown[] = [];
  for (const { data, identityHash } of due) {
    if (known.has(identityHash)) continue;
    try {
      fired.push(await submitOnce(db, data, identityHash));
    } catch (error) {
      failed.push(error);
    }
  }
  return { fired, failed };
}

async function submitOnce(db: Database, data: ScheduledSubmit, identityHash: string): Promise<Fired> {
  const [named] = await db.run(findNamedTask, [data.namespace, data.workflow, data.version]);
  if (named === undefined) {
    throw new UnknownWorkflowError(
      `schedule "${data.key}" names workflow ${data.namespace}/${data.workflow} ${data.version}, which no worker has registered: start a worker that has it, or remove the schedule`,
    );
  }
  const task = {
    namedTaskId: named.named_task_id,
    identityHash,
    context: JSON.stringify(data.input ?? null),
    priority: data.priority,
    initiator: `schedule:${data.key}`,
  };
  const workflow = { namespace: data.namespace, name: data.workflow, version: data.version };
  const [submitted] = await submit(db, [task], workflow);
  const queues = (await db.run(findRootQueues, [named.named_task_id])).map((row) => row.queue);
  return { key: data.key, ...(submitted as { outcome: 'created' | 'existing'; taskId: string }), queues };
}

function identityOf(key: string, { identity }: Pick<Occurrence, 'identity'>): string {
  return createHash('sha256').update(`schedule\n${key}\n${identity}`).digest('hex');
}

/** Undefined for a schedule in a notation that only pg-boss reads: its ticks are all there is to know of it. */
function readable({ cron, timezone }: Schedule): CronSchedule | undefined {
  try {
    return new CronSchedule(cron, timezone);
  } catch {
    return undefined;
  }
}
