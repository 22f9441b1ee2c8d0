import type { Client } from '../../client/client.ts';
import type { ScheduleInfo } from '../../schedules/schedule-info.ts';
import type { ApiClient } from '../../http/api-client.ts';
import { camelCase, present, orNotFound, rowOf } from './rows.ts';

const NONE = { outcome: 'not found' } as const;

type Schedules = Pick<Client, 'schedules' | 'pauseSchedule' | 'resumeSchedule' | 'unschedule' | 'triggerSchedule'>;

export function remoteSchedules(api: ApiClient): Schedules {
  const bodyOf = ({ reason, dryRun }: { reason?: string | undefined; dryRun?: boolean | undefined }) =>
    present({ reason, dry_run: dryRun });
  return {
    async schedules() {
      const { items } = await api.get('/v1/schedules');
      return items.map(({ input, ...row }) => ({ ...camelCase<ScheduleInfo>(rowOf(row)), data: { input } }));
    },
    async pauseSchedule(key, action = {}) {
      const done = api.post('/v1/schedules/{key}:pause', { params: { key }, body: bodyOf(action) });
      return (await orNotFound(done, NONE)).outcome;
    },
    async resumeSchedule(key, action = {}) {
      const done = api.post('/v1/schedules/{key}:resume', { params: { key }, body: bodyOf(action) });
      return (await orNotFound(done, NONE)).outcome;
    },
    async unschedule(key, { dryRun, reason } = {}) {
      if (dryRun === true) {
        const { items } = await api.get('/v1/schedules');
        return items.some((schedule) => schedule.key === key);
      }
      return (
        (await orNotFound(
          api.delete('/v1/schedules/{key}', { params: { key }, query: present({ reason }) }),
          undefined,
        )) !== undefined
      );
    },
    async triggerSchedule(key, action = {}) {
      const done = api.post('/v1/schedules/{key}:trigger', { params: { key }, body: bodyOf(action) });
      return camelCase(await orNotFound(done, { outcome: 'not_found' }));
    },
  };
}
