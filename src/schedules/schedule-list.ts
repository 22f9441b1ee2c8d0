import { cronSchemaOf } from '../config/cron-schema.ts';
import type { Database, Executor, Transactions } from '../db/connections/database.ts';
import type { PasswordSource } from '../db/connections/password-source.ts';
import {
  databaseNow,
  findWorkflowVersions,
  forgetSchedule,
  hasSchedules,
  listSchedules,
  lockScheduleState,
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
import { keepsTimes, type MakeSchedule, type PlannedPut, planPut, type PutOptions, setPaused } from './put-schedule.ts';
import { scheduleInfo, type ScheduleInfo } from './schedule-info.ts';
import type { JsonChange } from '../workflow/json-diff.ts';
import { checkScheduleKey, type ScheduledSubmit, WORKFLOW_SCHEDULES } from './scheduled-submit.ts';

interface ScheduleConnection {
  url: string;
  password?: PasswordSource | undefined;
  /** The URL goes through a transaction pooler. */
  pooled: boolean;
}

/** What became of a schedule that was added. */
export interface ScheduleAdded {
  outcome: 'created' | 'changed' | 'unchanged';
  /** By the database clock; null: never. */
  next: Date | null;
  /** The number of live schedulers. With none, nothing fires. */
  schedulers: number;
}

/** What became of a schedule that was to be written. */
export interface SchedulePut extends Omit<ScheduleAdded, 'outcome'> {
  /** `kept`: it is another one's, and stays as it is. */
  outcome: ScheduleAdded['outcome'] | 'kept';
  /** What was changed, or with a dry run would be; of the input, only the places. */
  changes: JsonChange[];
  /** How many further places there are. */
  more: number;
  /** As `ScheduleInfo` has it. Undefined: there is no such schedule. */
  edition: string | undefined;
}

interface Within {
  /** Where it is done; default: in a transaction of its own. */
  within?: Transactions | undefined;
}

/** `expect`: throws if the schedule is not as the caller has seen it. Under the lock of its state. */
export type ScheduleAction = OperatorAction & Within & Pick<PutOptions, 'expect'>;

/** `taskId`: empty in a dry run, since nothing has an id before it is made. `queues`: those in which steps of the task are ready. */
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
   * occurrences. `make` returns it, perhaps with something of the one that is there.
   */
  async put(key: string, make: MakeSchedule, { within, ...options }: PutOptions & Within = {}): Promise<SchedulePut> {
    // What is there already needs no pg-boss, which takes a moment to load.
    const before = await this.find(key);
    const planned = planPut(before, await make(before), options);
    if (planned.outcome === 'unchanged') {
      options.expect?.(before);
      return this.shown(planned, before?.edition);
    }
    const boss = options.dryRun === true ? undefined : await this.openCron();
    let done = planned;
    let edition: string | undefined;
    await audited(
      within ?? this.db,
      { act: 'schedule.put', on: onSchedule(key), action: options },
      async (tx, change) => {
        await tx.run(lockScheduleState, { key });
        const locked = await this.findIn(tx, key);
        options.expect?.(locked);
        done = planPut(locked, await make(locked), options);
        const { outcome, schedule, changes, more, writes } = done;
        const { cron, timezone } = schedule;
        if (outcome === 'changed' || outcome === 'created') {
          if (locked !== undefined) change.before = JSON.stringify([locked.cron, locked.timezone, locked.data]);
          const keeps = locked !== undefined && keepsTimes(locked, schedule);
          const since = keeps ? sinceOf(locked) : (locked?.now ?? (await this.now(tx)));
          const data = { ...schedule.data, since: since.toISOString() };
          change.after = JSON.stringify(
            writes ? [cron, timezone, data] : [locked?.cron, locked?.timezone, locked?.data],
          );
          if (writes) await boss?.schedule(WORKFLOW_SCHEDULES, { key, cron, timezone, data }, tx);
          await setPaused(tx, key, options);
          edition = (await this.findIn(tx, key))?.edition;
        } else edition = locked?.edition;
        // In the audit, `changed` is the refusal of an act on what has changed meanwhile.
        const what = outcome === 'changed' ? ('replaced' as const) : outcome;
        return { outcome: what, cron, timezone, changes, ...(more === 0 ? {} : { more_changes: more }) };
      },
    );
    return this.shown(done, edition);
  }

  private async shown(
    { outcome, schedule, changes, more, isPaused }: PlannedPut,
    edition: string | undefined,
  ): Promise<SchedulePut> {
    const { cron, timezone } = schedule;
    const next = isPaused ? undefined : new CronSchedule(cron, timezone).next(await this.now(this.db));
    const schedulers = await countLiveSchedulers(this.db);
    return { outcome, changes, more, edition, next: next?.at ?? null, schedulers };
  }

  private async now(db: Executor): Promise<Date> {
    const [{ now }] = (await db.run(databaseNow)) as [{ now: Date }];
    return now;
  }

  /** Returns whether there was one. */
  async remove(key: string, { within, expect, ...action }: ScheduleAction = {}): Promise<boolean> {
    checkScheduleKey(key);
    const boss = await this.openCron();
    const act = { act: 'schedule.remove', on: onSchedule(key), action } as const;
    const { outcome } = await audited(within ?? this.db, act, async (tx, change) => {
      await tx.run(lockScheduleState, { key });
      const before = await this.findIn(tx, key);
      expect?.(before);
      if (before !== undefined) change.before = JSON.stringify([before.cron, before.timezone, before.data]);
      await boss.unschedule(WORKFLOW_SCHEDULES, key, tx);
      await tx.run(forgetSchedule, { key });
      return { outcome: before === undefined ? 'not_found' : 'removed' };
    });
    return outcome === 'removed';
  }

  async pause(key: string, { within, ...action }: ScheduleAction = {}): Promise<'paused' | 'not found'> {
    checkScheduleKey(key);
    const found = (await this.find(key)) !== undefined;
    const act = { act: 'schedule.pause', on: onSchedule(key), action } as const;
    await audited(within ?? this.db, act, async (tx) => {
      if (found) await tx.run(pauseSchedule, { key, reason: action.reason });
      return { outcome: found ? 'paused' : 'not_found' };
    });
    return found ? 'paused' : 'not found';
  }

  async resume(
    key: string,
    { within, ...action }: ScheduleAction = {},
  ): Promise<'resumed' | 'not paused' | 'not found'> {
    checkScheduleKey(key);
    const found = (await this.find(key)) !== undefined;
    const act = { act: 'schedule.resume', on: onSchedule(key), action } as const;
    const { outcome } = await audited(within ?? this.db, act, async (tx) => {
      if (!found) return { outcome: 'not found' as const };
      return {
        outcome: (await tx.run(resumeSchedule, { key })).length > 0 ? ('resumed' as const) : ('not paused' as const),
      };
    });
    return outcome;
  }

  /** Submits the workflow of a schedule now, whatever its times say and also while it is paused. Its occurrences stay as they are. */
  async trigger(key: string, { within, ...action }: ScheduleAction = {}): Promise<TriggerOutcome> {
    checkScheduleKey(key);
    const schedule = await this.find(key);
    const act = { act: 'schedule.trigger', on: onSchedule(key), action } as const;
    return audited<TriggerOutcome>(within ?? this.db, act, async (tx) => {
      if (schedule === undefined) return { outcome: 'not_found' };
      const { taskId, queues } = await trigger(tx, schedule);
      return { outcome: 'triggered', taskId: action.dryRun === true ? '' : taskId, queues };
    });
  }

  /** One of `list`; undefined if there is none of this key. */
  async get(key: string): Promise<ScheduleInfo | undefined> {
    checkScheduleKey(key);
    const row = await this.find(key);
    return row === undefined ? undefined : (await this.infos([row]))[0];
  }

  async list(): Promise<ScheduleInfo[]> {
    return this.infos(await this.rows());
  }

  private async infos(rows: readonly ScheduleRow[]): Promise<ScheduleInfo[]> {
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

  private async findIn(tx: Executor, key: string): Promise<ScheduleRow | undefined> {
    const [tables] = await tx.run(hasSchedules, { cron_schema: this.cronSchema });
    if (tables?.found !== true) return undefined;
    return (await tx.run(listSchedules(this.cronSchema), { queue: WORKFLOW_SCHEDULES, key }))[0];
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
