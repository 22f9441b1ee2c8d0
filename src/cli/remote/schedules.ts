import type { Client } from '../../client/client.ts';
import type { ScheduleInfo } from '../../schedules/schedule-info.ts';
import type { ApiClient } from '../../http/api-client.ts';
import { camelCase, present, orNotFound, rowOf } from './rows.ts';

const NONE = { outcome: 'not found' } as const;

type Schedules = Pick<
  Client,
  'schedule' | 'schedules' | 'pauseSchedule' | 'resumeSchedule' | 'unschedule' | 'triggerSchedule'
>;

export function remoteSchedules(api: ApiClient): Schedules {
  const bodyOf = ({ reason, dryRun }: { reason?: string | undefined; dryRun?: boolean | undefined }) =>
    present({ reason, dry_run: dryRun });
  return {
    async schedules() {
      const { items } = await api.get('/v1/schedules');
      return items.map(({ input, etag: _etag, ...row }) => ({
        ...camelCase<ScheduleInfo>(rowOf(row)),
        data: { input },
      }));
    },
    // By its names, and checked there.
    async schedule({ namespace, name: workflow, version }, { key, ...options }, { dryRun, takeOver, reason } = {}) {
      const body = {
        ...present({
          timezone: options.timezone,
          version: version === '' ? undefined : version,
          version_policy: options.version,
          priority: options.priority,
          tags: options.tags && [...options.tags],
          task_reason: options.reason,
          overlap: options.overlap,
          make_up: options.makeUp,
          make_up_window_seconds: options.makeUpWindowSeconds,
          take_over: takeOver,
          reason,
          dry_run: dryRun,
        }),
        namespace,
        workflow,
        cron: options.cron,
        input: options.input,
      };
      const done = await api.put('/v1/schedules/{key}', { params: { key }, body });
      const { outcome, next, live_schedulers: schedulers } = done;
      return { outcome, next: next === null ? null : new Date(next), schedulers };
    },
    async pauseSchedule(key, action = {}) {
      const done = api.post('/v1/schedules/{key}:pause', { params: { key }, body: bodyOf(action) });
      return (await orNotFound(done, NONE)).outcome;
    },
    async resumeSchedule(key, action = {}) {
      const done = api.post('/v1/schedules/{key}:resume', { params: { key }, body: bodyOf(action) });
      return (await orNotFound(done, NONE)).outcome;
    },
    async unschedule(key, action = {}) {
      const removed = api.delete('/v1/schedules/{key}', { params: { key }, query: bodyOf(action) });
      return (await orNotFound(removed, undefined)) !== undefined;
    },
    async triggerSchedule(key, action = {}) {
      const done = api.post('/v1/schedules/{key}:trigger', { params: { key }, body: bodyOf(action) });
      return camelCase(await orNotFound(done, { outcome: 'not_found' }));
    },
  };
}
