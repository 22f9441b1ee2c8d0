import { isDeepStrictEqual } from 'node:util';
import { cronSchemaOf } from '../config/cron-schema.ts';
import type { Cron } from '../schedules/cron.ts';
import { checkCronOwner } from '../schedules/cron-owner.ts';
import type { Database } from '../db/connections/database.ts';
import type { PasswordSource } from '../db/connections/password.ts';
import {
  findWorkflowVersions,
  databaseNow,
  forgetSchedule,
  hasSchedules,
  listSchedules,
  type ScheduleRow,
  type WorkflowVersionRow,
} from '../db/statements/schedules/schedules.ts';
import { canonicalCron } from '../schedules/cron-expression.ts';
import { CronSchedule } from '../schedules/occurrence.ts';
import { sinceOf } from '../schedules/fire-due.ts';
import { chooseVersion, type ScheduledSubmit, WORKFLOW_SCHEDULES } from '../schedules/scheduled-submit.ts';
import { countLiveSchedulers } from '../reads/schedulers.ts';
import type { WorkflowDefinition } from '../workflow/definition.ts';
import type { ValidationOptions } from '../workflow/validate-input.ts';
import { newTask } from './new-task.ts';
import {
  checkScheduleKey,
  checkScheduleOptions,
  type ScheduleAdded,
  type ScheduleInfo,
  type ScheduleOptions,
} from './schedule-options.ts';

interface ScheduleConnection {
  url: string;
  password?: PasswordSource | undefined;
  /** The URL goes through a transaction pooler. */
  pooled: boolean;
}

/** A client's list of schedules: pg-boss is loaded and connected to where one is written. */
export class Schedules {
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

  /** `register` writes the definition, once everything is valid. Throws InvalidInputError. */
  async add(
    definition: WorkflowDefinition,
    options: ScheduleOptions,
    { register, validation }: { register: () => Promise<unknown>; validation: ValidationOptions },
  ): Promise<ScheduleAdded> {
    const { key, timezone = 'UTC' } = options;
    checkScheduleOptions(options);
    const dates = new CronSchedule(options.cron, timezone);
    const cron = canonicalCron(options.cron);
    // What submit would say of it; the key is that of each occurrence.
    const caller = definition.identity === 'caller_key' ? { key } : {};
    const { priority, tags, reason } = options;
    const optional = { ...(priority === undefined ? {} : { priority }), ...(tags === undefined ? {} : { tags }) };
    const described = { ...optional, ...(reason === undefined ? {} : { reason }) };
    const { context } = await newTask(definition, { ...caller, ...described, input: options.input }, validation);
    await register();

    const boss = await this.openCron();
    const before = await this.find(key);
    const data: ScheduledSubmit = {
      key,
      namespace: definition.namespace,
      workflow: definition.name,
      version: definition.version,
      input: JSON.parse(context) as unknown,
      ...described,
      versionPolicy: options.version ?? 'latest',
      overlap: options.overlap ?? 'allow',
    };
    const [{ now }] = (await this.db.run(databaseNow)) as [{ now: Date }];
    // A schedule that keeps its times keeps its occurrences, whatever else about it changes: a deployment that adds it again in
    // the minute in which it is due neither loses nor doubles one.
    const keepsTimes = before !== undefined && before.cron === cron && before.timezone === timezone;
    const since = keepsTimes ? sinceOf(before) : now;
    const { since: _, ...old } = (before?.data ?? {}) as Partial<ScheduledSubmit>;
    const unchanged = keepsTimes && isDeepStrictEqual(old, JSON.parse(JSON.stringify(data)));
    if (!unchanged) {
      const stored = { ...data, since: since.toISOString() };
      await boss.schedule(WORKFLOW_SCHEDULES, { key, cron, timezone, data: stored });
    }
    return {
      outcome: before === undefined ? 'created' : unchanged ? 'unchanged' : 'changed',
      next: dates.next(now)?.at ?? null,
      schedulers: await countLiveSchedulers(this.db),
    };
  }

  /** Answers whether there was one. */
  async remove(key: string): Promise<boolean> {
    checkScheduleKey(key);
    const boss = await this.openCron();
    const found = (await this.find(key)) !== undefined;
    await boss.unschedule(WORKFLOW_SCHEDULES, key);
    await this.db.run(forgetSchedule, [key]);
    return found;
  }

  async list(): Promise<ScheduleInfo[]> {
    const [tables] = await this.db.run(hasSchedules, [this.cronSchema]);
    if (tables?.found !== true) return [];
    await checkCronOwner(this.db, this.cronSchema);
    const rows = await this.db.run(listSchedules(this.cronSchema), [WORKFLOW_SCHEDULES, null]);
    const submits = rows.map((row) => row.data as ScheduledSubmit);
    const named = [...new Map(submits.map((data) => [workflowOf(data), data])).values()];
    const versions = await this.db.run(findWorkflowVersions, [
      named.map(({ namespace }) => namespace),
      named.map(({ workflow }) => workflow),
    ]);
    const byWorkflow = Map.groupBy(versions, ({ namespace, name }) => `${namespace}/${name}`);
    return rows.map((row) => infoOf(row, byWorkflow.get(workflowOf(row.data as ScheduledSubmit)) ?? []));
  }

  async close(): Promise<void> {
    const cron = await this.cron?.catch(() => undefined);
    await cron?.stop();
  }

  private async find(key: string): Promise<ScheduleRow | undefined> {
    const [row] = await this.db.run(listSchedules(this.cronSchema), [WORKFLOW_SCHEDULES, key]);
    return row;
  }

  private openCron(): Promise<Cron> {
    this.cron ??= this.startCron().catch((error: unknown) => {
      // The next call tries again: the server may have been away.
      this.cron = undefined;
      throw error;
    });
    return this.cron;
  }

  private async startCron(): Promise<Cron> {
    await checkCronOwner(this.db, this.cronSchema);
    const { Cron } = await import('../schedules/cron.ts');
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

function workflowOf({ namespace, workflow }: ScheduledSubmit): string {
  return `${namespace}/${workflow}`;
}

function infoOf(row: ScheduleRow, versions: readonly WorkflowVersionRow[]): ScheduleInfo {
  const data = row.data as ScheduledSubmit;
  const chosen = chooseVersion(data, versions);
  let next: Date | null = null;
  let problem = row.error;
  try {
    next = new CronSchedule(row.cron, row.timezone).next(row.now)?.at ?? null;
  } catch (error) {
    problem = error instanceof Error ? error.message : String(error);
  }
  return {
    key: row.key,
    cron: row.cron,
    timezone: row.timezone,
    namespace: data.namespace,
    workflow: data.workflow,
    versionPolicy: data.versionPolicy ?? 'pinned',
    version: chosen?.version ?? null,
    served: chosen?.served ?? false,
    overlap: data.overlap ?? 'allow',
    next,
    lastOccurrence: row.occurrence_at,
    lastOutcome: row.outcome,
    lastTaskId: row.task_id,
    problem,
    data: row.data,
  };
}
