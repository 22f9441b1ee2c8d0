import type { Database, Transactions } from '../db/connections/database.ts';
import type { OperatorAction } from '../engine/operator-action.ts';
import type { ReportReader } from '../reads/report-reader.ts';
import { countLiveSchedulers } from '../reads/schedulers.ts';
import type { PutOptions } from '../schedules/put-schedule.ts';
import type { ScheduleInfo } from '../schedules/schedule-info.ts';
import type { ScheduleAdded, ScheduleList, SchedulePut, TriggerOutcome } from '../schedules/schedule-list.ts';
import type { WorkflowDefinition } from '../workflow/definition.ts';
import type { AppliedSchedule, ApplySchedulesOptions } from './apply-schedules.ts';
import type { InTransaction } from './client-options.ts';
import type { ClientParts } from './client-parts.ts';
import { renewDefinitionId } from './definitions.ts';
import { transactionsOf } from './in-transaction.ts';
import type { ScheduleOptions } from './new-schedule.ts';
import type { ScheduleByNameOptions, WriteScheduleOptions } from './put-schedule.ts';
import type { WorkflowByName } from './stored-workflow.ts';

/** What a client does with schedules. Their code is loaded at the first use: it brings the parser of cron expressions. */
export class ScheduleClient {
  /** @internal Its types are those of the driver, whose declarations a program need not have. */
  readonly db: Database;
  /** @internal */
  readonly reports: ReportReader;
  protected readonly parts: ClientParts;

  protected constructor(parts: ClientParts) {
    this.parts = parts;
    this.db = parts.db;
    this.reports = parts.reports;
  }

  /** Writes a definition to the database, or finds it there. Submit does the same. Returns its id in this database. */
  register(definition: WorkflowDefinition): Promise<number> {
    return renewDefinitionId(this.db, definition);
  }

  /**
   * Submits the workflow at every occurrence of a cron expression, once however many schedulers live. Replaces the schedule of the
   * key; one that is there as it is stays untouched. Throws InvalidInputError, also for one that `applySchedules` wrote from code, unless
   * `takeOver` is set.
   */
  async schedule<Definition extends WorkflowDefinition>(
    definition: Definition,
    options: ScheduleOptions<Definition>,
    { takeOver, ...action }: OperatorAction & Pick<WriteScheduleOptions, 'takeOver'> = {},
  ): Promise<ScheduleAdded> {
    const { handPut, scheduleAdded } = await import('./put-schedule.ts');
    const put = await this.on('put', options.key, action, async (list, checked) => {
      const { newSchedule } = await import('./new-schedule.ts');
      const schedule = await newSchedule(definition, options as ScheduleOptions, this.parts.validation);
      await this.register(definition);
      const { make, mayReplace } = handPut(() => schedule, takeOver);
      return list.put(options.key, make, { ...checked, mayReplace });
    });
    return scheduleAdded(options.key, put);
  }

  /**
   * As `schedule`, without the code of the workflow: by its names, and checked against the JSON Schema that the database has of its input.
   * Without `input` it keeps that of the schedule that it replaces, or has `{}`. A schedule of code stays as it is (`kept`), unless `takeOver`
   * is set. Throws UnknownWorkflowError, and InvalidInputError naming the field.
   */
  async scheduleByName(
    workflow: WorkflowByName,
    options: ScheduleByNameOptions,
    action: OperatorAction & InTransaction & WriteScheduleOptions = {},
  ): Promise<SchedulePut> {
    const { takeOver, ...rest } = action;
    return this.on('put', options.key, rest, async (list, checked) => {
      const { handPut, scheduleOfNames } = await import('./put-schedule.ts');
      const { make, mayReplace } = handPut(await scheduleOfNames(this.parts, workflow, options), takeOver);
      return list.put(options.key, make, { ...(await this.within(checked)), mayReplace });
    });
  }

  /** A schedule: what it runs, when, and what became of its last occurrence. Undefined if there is none. Throws InvalidInputError for an invalid key. */
  async getSchedule(key: string): Promise<ScheduleInfo | undefined> {
    return (await this.parts.scheduleList()).get(key);
  }

  /**
   * Makes the stored schedules of these workflows those that they have in code (`.schedule({ ... })`); for a deployment, and not for
   * every worker. Schedules that were made or changed by hand are kept. Throws InvalidInputError before anything is written.
   */
  async applySchedules(
    definitions: readonly WorkflowDefinition[],
    options: ApplySchedulesOptions = {},
  ): Promise<AppliedSchedule[]> {
    return this.on('put', 'those of code', options, async (list, checked) => {
      const { applySchedules } = await import('./apply-schedules.ts');
      const register = (definition: WorkflowDefinition) => this.register(definition);
      return applySchedules({ list, register, validation: this.parts.validation }, definitions, checked);
    });
  }

  /** Lets a schedule submit nothing until it is resumed, whatever else about it changes. Throws InvalidInputError for an invalid key. */
  async pauseSchedule(key: string, action: OperatorAction & InTransaction = {}): Promise<'paused' | 'not found'> {
    return this.on('pause', key, action, async (list, checked) => list.pause(key, await this.within(checked)));
  }

  /** What came due in the pause is not made up for. Throws InvalidInputError for an invalid key. */
  async resumeSchedule(
    key: string,
    action: OperatorAction & InTransaction = {},
  ): Promise<'resumed' | 'not paused' | 'not found'> {
    return this.on('resume', key, action, async (list, checked) => list.resume(key, await this.within(checked)));
  }

  /**
   * Submits the workflow of a schedule now, beside its occurrences and also while it is paused. Throws InvalidInputError for an invalid key,
   * UnknownWorkflowError if no worker has registered the workflow.
   */
  async triggerSchedule(key: string, action: OperatorAction & InTransaction = {}): Promise<TriggerOutcome> {
    const outcome = await this.on('trigger', key, action, async (list, checked) =>
      list.trigger(key, await this.within(checked)),
    );
    if (outcome.outcome === 'triggered' && action.dryRun !== true)
      this.parts.notifications.readied(outcome.taskId, outcome.queues, action);
    return outcome;
  }

  /** Whether there was such a schedule. None of its occurrences is submitted from now on. Throws InvalidInputError for an invalid key. */
  async unschedule(
    key: string,
    action: OperatorAction &
      InTransaction & {
        /** @internal Throws if the schedule that is there is not the one that the caller has seen. */
        expect?: PutOptions['expect'];
      } = {},
  ): Promise<boolean> {
    return this.on('remove', key, action, async (list, checked) => list.remove(key, await this.within(checked)));
  }

  /** All schedules by key: what each runs, when, and what became of its last occurrence. */
  async schedules(): Promise<ScheduleInfo[]> {
    return (await this.parts.scheduleList()).list();
  }

  private async within<Given extends OperatorAction & InTransaction>(
    action: Given,
  ): Promise<Omit<Given, 'transaction'> & { within: Transactions }> {
    const { transaction: _, ...rest } = action;
    return { ...rest, within: await transactionsOf(action, this.db) };
  }

  /** The number of live schedulers. Without one, schedules, retries and the recovery of dead workers' steps wait. */
  liveSchedulers(): Promise<number> {
    return countLiveSchedulers(this.db);
  }

  private on<Options extends OperatorAction, Outcome>(
    verb: 'put' | 'pause' | 'resume' | 'trigger' | 'remove',
    key: string,
    action: Options,
    work: (list: ScheduleList, action: Options) => Promise<Outcome>,
  ): Promise<Outcome> {
    const attempt = { act: `schedule.${verb}`, on: { kind: 'schedule', id: key } } as const;
    return this.parts.acts.pass(attempt, action, async (checked) => work(await this.parts.scheduleList(), checked));
  }
}
