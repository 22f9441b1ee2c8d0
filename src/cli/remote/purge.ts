import type { Client } from '../../client/client.ts';
import type { PurgeReport } from '../../client/purge.ts';
import type { ApiClient } from '../../http/api-client.ts';
import { camelCase, present } from './rows.ts';

export const remotePurge = (api: ApiClient): Pick<Client, 'purge'> => ({
  async purge(selection, { open, dryRun, reason } = {}) {
    const which = 'tag' in selection ? { tag: selection.tag } : { task_ids: [...selection.taskIds] };
    const {
      kept,
      kept_tasks: keptTasks,
      ...report
    } = await api.post('/v1/purges', {
      body: { ...which, ...present({ open, dry_run: dryRun, reason }) },
      // It removes for as long as there is something.
      timeoutMs: 3_600_000,
    });
    const left = kept.map(({ hold, ...task }) => ({
      ...camelCase<PurgeReport['kept'][number]>(task),
      ...(hold === undefined ? {} : { hold: camelCase(hold) }),
    }));
    return { ...report, kept: left as never, keptTasks };
  },
});
