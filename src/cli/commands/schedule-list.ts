import { Command } from 'commander';
import type { ScheduleInfo } from '../../schedules/schedule-info.ts';
import { STATUS } from '../report-error.ts';
import { duration } from '../../reads/text/duration.ts';
import { table, toMinute } from '../table.ts';
import { warnOfNoScheduler } from '../warn-of-no-scheduler.ts';
import { print, withClient, withJson } from '../with-client.ts';

/** `tasker schedule list`: every schedule, its next time and the outcome of the last. */
export function scheduleListCommand(exit: (status: number) => void): Command {
  return withJson(new Command('list'))
    .description('list schedules: what each runs, when next, and what became of the last time')
    .action(async (options: { json?: boolean }) => {
      const { list, schedulers } = await withClient(async (client) => ({
        list: await client.schedules(),
        schedulers: await client.liveSchedulers(),
      }));
      print(list.map(toJson), options.json, () => draw(list));
      if (list.length > 0) warnOfNoScheduler(schedulers);
      exit(STATUS.ok);
    });
}

function draw(schedules: readonly ScheduleInfo[]): string {
  return table(
    ['KEY', 'CRON', 'TIME ZONE', 'WORKFLOW', 'VERSION', 'SERVED', 'MAKE-UP', 'NEXT', 'LAST', 'PROBLEM'],
    schedules.map((schedule) => [
      schedule.key,
      schedule.cron,
      schedule.timezone,
      `${schedule.namespace}/${schedule.workflow}`,
      `${schedule.version ?? 'none'} (${schedule.versionPolicy})`,
      schedule.served ? 'yes' : 'nobody',
      schedule.makeUp === 'skip' ? 'skip' : `${schedule.makeUp} ${duration(schedule.makeUpWindowSeconds)}`,
      schedule.pausedAt === null ? toMinute(schedule.next) : paused(schedule.pauseReason),
      schedule.lastOccurrence === null ? '' : `${toMinute(schedule.lastOccurrence)} ${schedule.lastOutcome}`,
      schedule.problem ?? '',
    ]),
    'no schedules: tasker schedule add makes one',
  );
}

const paused = (reason: string | null): string => (reason === null ? 'paused' : `paused: ${reason}`);

function toJson(schedule: ScheduleInfo): Record<string, unknown> {
  return {
    key: schedule.key,
    cron: schedule.cron,
    timezone: schedule.timezone,
    namespace: schedule.namespace,
    workflow: schedule.workflow,
    version_policy: schedule.versionPolicy,
    version: schedule.version,
    served: schedule.served,
    overlap: schedule.overlap,
    make_up: schedule.makeUp,
    make_up_window_seconds: schedule.makeUpWindowSeconds,
    source: schedule.source,
    paused_at: schedule.pausedAt,
    pause_reason: schedule.pauseReason,
    next_at: schedule.next,
    last_occurrence_at: schedule.lastOccurrence,
    last_outcome: schedule.lastOutcome,
    last_task_id: schedule.lastTaskId,
    problem: schedule.problem,
    data: schedule.data,
  };
}
