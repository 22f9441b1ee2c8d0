import { isDeepStrictEqual } from 'node:util';
import { cronSchemaOf } from '../config/cron-schema.ts';
import type { Database } from '../db/connections/database.ts';
import type { PasswordSource } from '../db/connections/password-source.ts';
import {
  databaseNow,
  findWorkflowVersions,
  forgetSchedule,
  hasSchedules,
  listSchedules,
  pauseSchedule,
  resumeSchedule,
  type ScheduleRow,
} from '../db/statements/schedules/schedules.ts';
import { type ActSubject, audited } from '../engine/audit.ts';
import type { OperatorAction } from '../engine/operator-action.ts';
import { countLiveSchedulers } from '../reads/schedulers.ts';
import { checkCronOwner } from './cron-owner.ts';
import type { Cron } from './cron.ts';
import { trigger } from './fire-due.ts';
import { sinceOf } from './due-occurrences.ts';
import { CronSchedule } from './occurrence.ts';
import { scheduleInfo, type ScheduleInfo } from './schedule-info.ts';
import { checkScheduleKey, type ScheduledSubmit, WORKFLOW_SCHEDULES } from './scheduled-submit.ts';

interface ScheduleConnection {
  url: string;
  password?: PasswordSource | undefined;
  /** The URL goes through a transaction pooler. */
  pooled: boolean;
}

/** A schedule that was checked, as it is stored. */
export interface NewSchedule {
  /** Canonical: see canonicalCron. */
  cron: string;
  timezone: string;
  data: ScheduledSubmit;
}

/** What became of a schedule that was added. */
export interface ScheduleAdded {
  outcome: 'created' | 'changed' | 'unchanged';
  /** By the database clock; null: never. */
  next: Date | null;
  /** The number of live schedulers. With none, nothing fires. */
  schedulers: number;
}

/** `queues`: those in which steps of the task are ready. */
export type TriggerOutcome = { outcome: 'triggered'; taskId: string; queues: string[] } | { outcome: 'not_found' };

/** The schedules of a fleet. pg-boss is loaded and connected only to write one. */
export class ScheduleList {
  private readonly db: Database;
  private readonly connection: ScheduleConnection;
  private readonly cronSchema: string;
  private cron: Promise<Cron> | undefined;

  constructor(options: ScheduleConnection & { db: Database; cronSchema: string | undefined }) {
    this.db = options.db;
    const { url, password, pooled } = options;
    this.connection = { url, password, pooled };
    this.cronSchema = options.cronSchema ?? cronSchemaOf(options.db.schema);
  }

  /**
   * Writes a schedule. One that is there as it is stays untouched; one whose cron expression and time zone stay keeps its
   * occurrences.
   */
  async put({ cron, timezone, data }: NewSchedule, action: OperatorAction = {}): Promise<ScheduleAdded> {
    const { key } = data;
    const dates = new CronSchedule(cron, timezone);
    const before = await this.find(key);
    const [{ now }] = (await this.db.run(databaseNow)) as [{ now: Date }];
    // A schedule that keeps its times keeps its occurrences, whatever else about it changes: a deployment that adds it again in
    // the minute in which it is due neither loses nor doubles one.
    const keepsTimes = before !== undefined && before.cron === cron && before.timezone === timezone;
    const since = keepsTimes ? sinceOf(before) : now;
    const { since: _, ...old } = (before?.data ?? {}) as Partial<ScheduledSubmit>;
    const unchanged = keepsTimes && isDeepStrictEqual(old, JSON.parse(JSON.stringify(data)));
    const outcome = before === undefined ? 'created' : unchanged ? 'unchanged' : 'changed';
    if (!unchanged && action.dryRun !== true) {
      const boss = await this.openCron();
      const stored = { ...data, since: since.toISOString() };
      await audited(this.db, { act: 'schedule.put', on: onSchedule(key), action }, async (tx, change) => {
        if (before !== undefined) change.before = JSON.stringify([before.cron, before.timezone, before.data]);
        change.after = JSON.stringify([cron, timezone, stored]);
        await boss.schedule(WORKFLOW_SCHEDULES, { key, cron, timezone, data: stored }, tx);
        return { outcome, cron, timezone };
      });
    }
    return {
      outcome,
      next: dates.next(now)?.at ?? null,
      schedulers: await countLiveSchedulers(this.db),
    };
  }

  /** Returns whether there was one. */
  async remove(key: string, action: OperatorAction = {}): Promise<boolean> {
    checkScheduleKey(key);
    const boss = await this.openCron();
    const before = await this.find(key);
    const act = { act: 'schedule.remove', on: onSchedule(key), action } as const;
    const { outcome } = await audited(this.db, act, async (tx, change) => {
      if (before !== undefined) change.before = JSON.stringify([before.cron, before.timezone, before.data]);
      await boss.unschedule(WORKFLOW_SCHEDULES, key, tx);
      await tx.run(forgetSchedule, { key });
      return { outcome: before === undefined ? 'not_found' : 'removed' };
    });
    return outcome === 'removed';
  }

  async pause(key: string, action: OperatorAction = {}): Promise<'paused' | 'not found'> {
    checkScheduleKey(key);
    const found = (await this.find(key)) !== undefined;
    const act = { act: 'schedule.pause', on: onSchedule(key), action } as const;
    await audited(this.db, act, async (tx) => {
      if (found) await tx.run(pauseSchedule, { key, reason: action.reason });
      return { outcome: found ? 'paused' : 'not_found' };
    });
    return found ? 'paused' : 'not found';
  }

  async resume(key: string, action: OperatorAction = {}): Promise<'resumed' | 'not paused' | 'not found'> {
    checkScheduleKey(key);
    const found = (await this.find(key)) !== undefined;
    const act = { act: 'schedule.resume', on: onSchedule(key), action } as const;
    const { outcome } = await audited(this.db, act, async (tx) => {
      if (!found) return { outcome: 'not found' as const };
      return {
        outcome: (await tx.run(resumeSchedule, { key })).length > 0 ? ('resumed' as const) : ('not paused' as const),
      };
    });
    return outcome;
  }

  /** Submits the workflow of a schedule now, whatever its times say and also while it is paused. Its occurrences stay as they are. */
  async trigger(key: string, action: OperatorAction = {}): Promise<TriggerOutcome> {
    checkScheduleKey(key);
    const schedule = await this.find(key);
    const act = { act: 'schedule.trigger', on: onSchedule(key), action } as const;
    return audited<TriggerOutcome>(this.db, act, async (tx) =>
      schedule === undefined ? { outcome: 'not_found' } : { outcome: 'triggered', ...(await trigger(tx, schedule)) },
    );
  }

  async list(): Promise<ScheduleInfo[]> {
    const rows = await this.rows();
    const submits = rows.map((row) => row.data as ScheduledSubmit);
    const named = [...new Map(submits.map((data) => [workflowOf(data), data])).values()];
    const versions = await this.db.run(findWorkflowVersions, {
      workflows: named.map(({ namespace, workflow }) => ({ namespace, name: workflow })),
    });
    const byWorkflow = Map.groupBy(versions, ({ namespace, name }) => `${namespace}/${name}`);
    return rows.map((row) => scheduleInfo(row, byWorkflow.get(workflowOf(row.data as ScheduledSubmit)) ?? []));
  }

  /** As they are stored. */
  rows(): Promise<ScheduleRow[]> {
    return this.read(null);
  }

  async close(): Promise<void> {
    const cron = await this.cron?.catch(() => undefined);
    await cron?.stop();
  }

  private async find(key: string): Promise<ScheduleRow | undefined> {
    return (await this.read(key))[0];
  }

  /** Needs no pg-boss: before its tables exist there are no schedules. */
  private async read(key: string | null): Promise<ScheduleRow[]> {
    const [tables] = await this.db.run(hasSchedules, { cron_schema: this.cronSchema });
    if (tables?.found !== true) return [];
    await checkCronOwner(this.db, this.cronSchema);
    return this.db.run(listSchedules(this.cronSchema), { queue: WORKFLOW_SCHEDULES, key });
  }

  private openCron(): Promise<Cron> {
    this.cron ??= this.startCron().catch((error: unknown) => {
      // The next call tries again: the server may have been unavailable.
      this.cron = undefined;
      throw error;
    });
    return this.cron;
  }

  private async startCron(): Promise<Cron> {
    await checkCronOwner(this.db, this.cronSchema);
    const { Cron } = await import('./cron.ts');
    const cron = new Cron({
      ...this.connection,
      schema: this.cronSchema,
      applicationName: 'tasker client cron',
      fires: false,
      onError: () => undefined,
    });
    try {
      await cron.start();
    } catch (error) {
      await cron.stop().catch(() => undefined);
      throw error;
    }
    return cron;
  }
}

const onSchedule = (key: string): ActSubject => ({ kind: 'schedule', id: key });

function workflowOf({ namespace, workflow }: ScheduledSubmit): string {
  return `${namespace}/${workflow}`;
}
