import type { Database } from '../db/connections/database.ts';
import type { OperatorAction } from '../engine/operator-action.ts';
import type { ReportReader } from '../reads/report-reader.ts';
import { countLiveSchedulers } from '../reads/schedulers.ts';
import type { ScheduleInfo } from '../schedules/schedule-info.ts';
import type { ScheduleAdded, ScheduleList, TriggerOutcome } from '../schedules/schedule-list.ts';
import type { WorkflowDefinition } from '../workflow/definition.ts';
import type { AppliedSchedule, ApplySchedulesOptions } from './apply-schedules.ts';
import type { ClientParts } from './client-parts.ts';
import { renewDefinitionId } from './definitions.ts';
import type { ScheduleOptions } from './new-schedule.ts';

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
   * key; one that is there as it is stays untouched. Throws InvalidInputError.
   */
  async schedule<Definition extends WorkflowDefinition>(
    definition: Definition,
    options: ScheduleOptions<Definition>,
    action: OperatorAction = {},
  ): Promise<ScheduleAdded> {
    return this.on('put', options.key, action, async (list, checked) => {
      const { newSchedule } = await import('./new-schedule.ts');
      const schedule = await newSchedule(definition, options as ScheduleOptions, this.parts.validation);
      await this.register(definition);
      return list.put(schedule, checked);
    });
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
  async pauseSchedule(key: string, action: OperatorAction = {}): Promise<'paused' | 'not found'> {
    return this.on('pause', key, action, (list, checked) => list.pause(key, checked));
  }

  /** What came due in the pause is not made up for. Throws InvalidInputError for an invalid key. */
  async resumeSchedule(key: string, action: OperatorAction = {}): Promise<'resumed' | 'not paused' | 'not found'> {
    return this.on('resume', key, action, (list, checked) => list.resume(key, checked));
  }

  /**
   * Submits the workflow of a schedule now, beside its occurrences and also while it is paused. Throws InvalidInputError for an invalid key,
   * UnknownWorkflowError if no worker has registered the workflow.
   */
  async triggerSchedule(key: string, action: OperatorAction = {}): Promise<TriggerOutcome> {
    const outcome = await this.on('trigger', key, action, (list, checked) => list.trigger(key, checked));
    if (outcome.outcome === 'triggered' && action.dryRun !== true)
      this.parts.notifications.readied(outcome.taskId, outcome.queues, {});
    return outcome;
  }

  /** Whether there was such a schedule. None of its occurrences is submitted from now on. Throws InvalidInputError for an invalid key. */
  async unschedule(key: string, action: OperatorAction = {}): Promise<boolean> {
    return this.on('remove', key, action, (list, checked) => list.remove(key, checked));
  }

  /** All schedules by key: what each runs, when, and what became of its last occurrence. */
  async schedules(): Promise<ScheduleInfo[]> {
    return (await this.parts.scheduleList()).list();
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
