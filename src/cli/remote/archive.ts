import type { Client } from '../../client/client.ts';
import type { RestoreOutcome } from '../../archive/restore.ts';
import { addTo, type VerifyReport } from '../../archive/verify.ts';
import type { MendedOrphan, Orphan } from '../../archive/orphans.ts';
import type { ArchivedTaskRow } from '../../archive/find-tasks.ts';
import type { ArchiveRow } from '../../db/statements/archive/records.ts';
import { InvalidInputError } from '../../errors.ts';
import { exactTime } from '../../exact-time.ts';
import type { ApiClient } from '../../http/api-client.ts';
import type { ArchiveObject, Operations } from '../../http/operations.ts';
import type { TaskDetails } from '../../reads/task.ts';
import { outcomeOf } from './acts.ts';
import { camelCase, orNotFound, present, rowOf, take } from './rows.ts';

/** The most that the API finds in the archive. */
const MOST = 200;

type Archive = Pick<Client['archive'], 'list' | 'where' | 'find' | 'show' | 'restore' | 'verify'>;

export function remoteArchive(api: ApiClient): Archive {
  const read = (taskId: string) =>
    orNotFound(api.get('/v1/archived-tasks/{task_id}', { params: { task_id: taskId } }), undefined);
  return {
    async list({ since, before, after, limit = 50 } = {}) {
      const query = present({
        requested_since: since?.toISOString(),
        requested_before: before?.toISOString(),
        below: after,
        limit: Math.min(limit, MOST),
      });
      return take(api.items('GET /v1/archive/objects', { query }), limit, archiveRow);
    },
    async verify({ deep, mend, reason } = {}) {
      const report: VerifyReport = { objects: 0, tasks: 0, bytes: 0, problems: [], orphans: [], unfinished: [] };
      for (let cursor: string | undefined; ;) {
        const part: VerifiedPart = await api.get('/v1/archive/verification', { query: present({ deep, cursor }) });
        addTo(report, partOf(part));
        if (part.next_cursor === null) break;
        cursor = part.next_cursor;
      }
      const mended: MendedOrphan[] = [];
      for (const { object } of mend === true ? report.orphans : [])
        mended.push(await api.post('/v1/archive:mend', { body: { object, ...present({ reason }) } }));
      return { ...report, mended };
    },
    async where(taskId) {
      const found = await read(taskId);
      return found === undefined ? undefined : recordOf(found);
    },
    async *find(search) {
      const query = 'tag' in search ? { tag: search.tag } : search;
      const { items, complete } = await api.get('/v1/archived-tasks', { query: { ...query, limit: MOST } });
      for (const item of items) yield rowOf<ArchivedTaskRow>(item);
      if (!complete)
        throw new InvalidInputError(`there are more than ${MOST} such tasks: through the HTTP API, use a --limit`, {
          field: '--limit',
        });
    },
    async show(taskId) {
      const found = await read(taskId);
      if (found === undefined) return undefined;
      const { archive_id: _id, object: _object, stored_at: _at, input, steps, ...task } = found;
      const rows = steps.map(({ result, ...step }) => ({ ...rowOf(step), results: result }));
      return {
        task: { ...rowOf<TaskDetails>(task), context: input, steps: rows as never },
        record: recordOf(found),
      };
    },
    async restore(taskId, { keepSeconds, reason, dryRun } = {}) {
      const body = present({ keep_seconds: keepSeconds, reason, dry_run: dryRun });
      const done = await outcomeOf<RestoreOutcome & { keepUntil?: string | null; queues?: unknown }>(
        api.post('/v1/archived-tasks/{task_id}:restore', { params: { task_id: taskId }, body }),
      );
      const { queues: _queues, ...outcome } = done;
      if (outcome.outcome === 'alive') return { outcome: 'alive' };
      return (
        outcome.outcome === 'restored' ? { ...outcome, keepUntil: exactTime(String(outcome.keepUntil)) } : outcome
      ) as RestoreOutcome;
    },
  };
}

type VerifiedPart = Operations['GET /v1/archive/verification']['response'];

const partOf = ({ problems, orphans, unfinished, ...rest }: VerifiedPart): VerifyReport => ({
  ...rest,
  problems: problems.map((problem) => camelCase(problem)),
  orphans: orphans.map(({ tasks, ...orphan }) => ({ ...camelCase<Orphan>(rowOf(orphan)), tasks: tasks ?? undefined })),
  unfinished: unfinished.map((row) => rowOf(row)),
});

/** Of the times of an object, some have names of their own. */
const archiveRow = (row: ArchiveObject): ArchiveRow =>
  Object.assign(rowOf<ArchiveRow>(row), {
    requested_since: exactTime(row.requested_since),
    ended_until: exactTime(row.ended_until),
    requested_until: exactTime(row.requested_until),
  });

/** Of the record of an object, as far as the API has it. */
const recordOf = (found: { archive_id: string; object: string; stored_at: string }): ArchiveRow => {
  const { archive_id, object, stored_at } = found;
  return { archive_id, object, stored_at: exactTime(stored_at) } as ArchiveRow;
};
