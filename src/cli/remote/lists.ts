import type { Client } from '../../client/client.ts';
import type { TaskPage } from '../../client/task-list-client.ts';
import type { AuditRow } from '../../db/reads/audit.ts';
import type { TaskRow } from '../../db/reads/tasks.ts';
import { InvalidInputError } from '../../errors.ts';
import { exactTime } from '../../exact-time.ts';
import type { ApiClient } from '../../http/api-client.ts';
import type { Operations } from '../../http/operations.ts';
import type { ChainedAct } from '../../reads/audit.ts';
import type { TaskFilter } from '../../reads/task-filter.ts';
import { present, rowOf, take } from './rows.ts';

/** The most that the API gives in one page. */
const MOST_AT_ONCE = 200;

type Query = NonNullable<Operations['GET /v1/tasks']['query']>;

export function remoteLists(
  api: ApiClient,
): Pick<Client, 'taskPage' | 'countTasks' | 'audit' | 'auditChain' | 'verifyAudit'> {
  return {
    async taskPage({ after, cursor, limit = 50, ...filter } = {}) {
      if (after !== undefined)
        throw new InvalidInputError('--after is given: through the HTTP API, a list goes on with --cursor', {
          field: '--after',
        });
      const from = cursor === undefined ? undefined : decoded(cursor);
      const query = from?.query ?? queryOf(filter);
      const tasks: TaskRow[] = [];
      let place = from?.cursor;
      for (;;) {
        const most = Math.min(MOST_AT_ONCE, limit - tasks.length);
        const page = await api.get('/v1/tasks', { query: { ...query, limit: most, cursor: place } });
        tasks.push(...page.items.map((row) => rowOf<TaskRow>(row)));
        place = page.next_cursor ?? undefined;
        if (tasks.length < limit && page.complete && place !== undefined) continue;
        return pageOf(tasks, page, place === undefined ? undefined : encoded({ query, cursor: place }));
      }
    },
    async countTasks(filter = {}) {
      const { count } = await api.get('/v1/tasks', { query: { ...queryOf(filter), limit: 1, count: 'capped' } });
      return count ?? { tasks: 0, exact: false };
    },
    async audit({ act, by, refused, on, before, limit = 50 } = {}) {
      const asked = present({ act, by, before, refused, subject: on?.kind, subject_id: on?.id });
      const query = { ...asked, limit: Math.min(limit, MOST_AT_ONCE) };
      return take(api.items('GET /v1/audit', { query }), limit, (row) => rowOf<AuditRow>(row));
    },
    // Those of the last seconds, which have no place yet, are for the next export.
    async *auditChain() {
      for await (const row of api.items('GET /v1/audit/chain', { query: { limit: MOST_AT_ONCE } }))
        yield rowOf<ChainedAct>(row);
    },
    verifyAudit: () => api.get('/v1/audit/verification'),
  };
}

function pageOf(
  tasks: TaskRow[],
  page: { complete: boolean; scanned_to: string | null; as_of: string; search_path: string | null },
  nextCursor: string | undefined,
): TaskPage {
  const { complete, scanned_to: scannedTo, as_of: asOf, search_path: searchPath } = page;
  return {
    tasks,
    complete,
    nextCursor,
    scannedTo: scannedTo === null ? undefined : exactTime(scannedTo),
    asOf: exactTime(asOf),
    searchPath: searchPath ?? undefined,
  };
}

function queryOf(filter: TaskFilter & { q?: string }): Query {
  const { states, tags, requestedSince, requestedBefore, namespace, workflow, version, key } = filter;
  const { initiator, rerunOf, schedule, error, fingerprint, q } = filter;
  return present({
    namespace,
    workflow,
    version,
    key,
    initiator,
    rerun_of: rerunOf,
    schedule,
    error,
    fingerprint,
    q,
    state: states === undefined ? undefined : [...states],
    tag: tags === undefined ? undefined : [...tags],
    requested_since: requestedSince?.toISOString(),
    requested_before: requestedBefore?.toISOString(),
  });
}

interface Place {
  query: Query;
  cursor: string;
}

/** A cursor of the API belongs to a filter, which the next command does not name again. */
const encoded = (place: Place): string => Buffer.from(JSON.stringify(place)).toString('base64url');

function decoded(cursor: string): Place {
  try {
    const { query, cursor: place } = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as Place;
    if (typeof place === 'string' && typeof query === 'object') return { query, cursor: place };
  } catch {
    // Refused below.
  }
  throw new InvalidInputError('--cursor is none that a list through the HTTP API has returned', { field: '--cursor' });
}
