/**
 * No read of the API, and none that a scheduler does again and again, costs more because the history or the backlog is longer. Every statement
 * that they send is asked for twice, with tables of which the second ones are three times as large, and may not read more pages for it.
 */
import { expect, it } from 'vitest';
import { z } from 'zod';
import { ROUTES } from '../../../src/api/routes/index.ts';
import { Metrics } from '../../../src/metrics/registry.ts';
import { measureQueues } from '../../../src/scheduler/chores/measure.ts';
import { defineWorkflow } from '../../../src/workflow/define-workflow.ts';
import { call, useApi } from '../../api/api-fixture.ts';
import { enterDirectory } from '../../support/enter-directory.ts';
import { loadTasks } from '../../support/load-tasks.ts';
import { openApi } from '../../support/open-api.ts';

const fixture = await useApi();
const { query } = fixture.test;
const one = await fixture.workflow(defineWorkflow({ name: 'one', input: z.unknown() }).step('a', () => 1));

/** Larger than the largest number of rows that any read looks at. */
const ENDED = 24_000;
const READY = 21_000;
const FAILING = 17_000;

/** Adds ended, blocked, retrying and ready tasks. The last ones are ready: what looks for others has to get past them. */
async function grow(times: number, on: Date): Promise<void> {
  let hour = 0;
  const load = (tasks: number, progress: number[]): Promise<void> => {
    // In the order of their times, as tasks come: what lies together is read together, in a small history and in a long one.
    const from = new Date(on.getTime() + hour * 3_600_000);
    hour += 1;
    const until = new Date(from.getTime() + 3_600_000);
    return loadTasks(fixture.test.pool, { namedTaskId: one, tasks: tasks * times, progress, times: { from, until } });
  };
  await load(ENDED, [1]);
  for (const kind of ['blocked', 'retrying'] as const) {
    const [last] = await query<{ id: string }>('SELECT coalesce(max(task_id), 0) AS id FROM tasker.tasker_tasks');
    await load(FAILING, [0]);
    await query(FAIL[kind], [last?.id]);
    await query(FAILED_TASKS[kind], [last?.id]);
    await query(FAILURES, [last?.id]);
  }
  await load(READY, [0]);
  await query(
    `INSERT INTO tasker.tasker_audit (at, act, subject, subject_id, by, outcome, refused)
     SELECT clock_timestamp() - i * interval '1 minute', 'task.retry', 'task', i::text, 'user-' || i % 50, 'retried', false
     FROM generate_series(1, $1::integer) AS i`,
    [2000 * times],
  );
  await enterDirectory(fixture.db);
  await query('VACUUM ANALYZE');
}

const FAIL = {
  blocked: `
UPDATE tasker.tasker_workflow_steps
SET state = 'error', ready_at = NULL, blocked_at = ready_at, retryable = false, attempts = 3, sort_key = 2, last_attempted_at = ready_at
WHERE task_id > $1::bigint`,
  retrying: `
UPDATE tasker.tasker_workflow_steps
SET state = 'error', ready_at = NULL, next_retry_at = clock_timestamp() + interval '1 hour', attempts = 1, sort_key = 2,
  backoff_request_seconds = 3600, last_attempted_at = ready_at
WHERE task_id > $1::bigint`,
};

const FAILED_TASKS = {
  blocked: `UPDATE tasker.tasker_tasks SET state = 'error', sort_key = 2 WHERE task_id > $1::bigint`,
  retrying: `UPDATE tasker.tasker_tasks SET state = 'in_progress', sort_key = 1 WHERE task_id > $1::bigint`,
};

const FAILURES = `
INSERT INTO tasker.tasker_workflow_step_transitions
  (task_id, workflow_step_id, sort_key, from_state, to_state, most_recent, cause, metadata)
SELECT s.task_id, s.workflow_step_id, 2, 'in_progress', 'error', true, 'fail',
  jsonb_build_object('error', jsonb_build_object('name', 'Error', 'message', 'shop ' || s.task_id, 'fingerprint', left(md5((s.task_id % 40)::text), 12)))
FROM tasker.tasker_workflow_steps s
WHERE s.task_id > $1::bigint`;

/** Whatever they are asked for, these read everything, which they say, or nothing. */
const NOT_ASKED = new Set([
  'watchEvents',
  'examineData',
  'verifyAudit',
  'verifyArchive',
  'getLive',
  'getReady',
  'getMe',
]);

const LISTS = [
  'limit=50',
  'limit=50&state=pending',
  'limit=50&state=in_progress',
  'limit=50&state=error',
  'limit=50&state=complete',
  'limit=50&state=cancelled',
  'limit=50&workflow=one',
  'limit=50&workflow=one&state=error',
  'limit=50&tag=none',
  'limit=50&initiator=nobody',
  'limit=50&queue=default',
  'limit=50&source_system=nobody',
  'limit=50&error=nothing',
  'limit=50&fingerprint=cfcd208495d5',
  'limit=50&ended_since=2020-01-01T00:00:00Z',
  'limit=50&requested_before=2020-01-01T00:00:00Z',
  `limit=50&q=${encodeURIComponent('age:>1h attempts:>=1 state:error')}`,
  `limit=50&q=${encodeURIComponent('workflow:default/one input.n:17')}`,
];

const QUERIES: Readonly<Record<string, string>> = {
  '/v1/queues': '?all=true',
  '/v1/stats': '?steps=true',
  '/v1/archived-tasks': '?tag=none',
};

/** One address or more of every route that reads. */
function addresses(tasks: readonly string[]): string[] {
  return ROUTES.filter(({ method, operation }) => method === 'GET' && !NOT_ASKED.has(operation)).flatMap(({ path }) => {
    if (path === '/v1/tasks') return LISTS.map((list) => `${path}?${list}`);
    const filled = path
      .replace('{step}', 'a')
      .replace('{document}', 'input')
      .replace('{namespace}', 'default')
      .replace('{workflow}', 'one')
      .replace('{version}', '0.1.0')
      .replace('{queue}', 'default')
      // An id or a name of something that is not there.
      .replaceAll(/\{(?!task_id\})\w+\}/g, '1');
    const asked = QUERIES[path] ?? '';
    return filled.includes('{task_id}') ? tasks.map((id) => filled.replace('{task_id}', id)) : [filled + asked];
  });
}

interface Cost {
  query: string;
  pages: number;
}

/** The pages of 8 kB that a call of each statement of `reads` visits, by the statement. */
async function costs(work: () => Promise<void>): Promise<Map<string, Cost>> {
  const begun = await counted();
  await work();
  const ended = await counted();
  return new Map(
    [...ended].flatMap(([id, { query: text, calls, pages }]) => {
      const before = begun.get(id) ?? { calls: 0, pages: 0 };
      return calls === before.calls
        ? []
        : [[id, { query: text, pages: (pages - before.pages) / (calls - before.calls) }]];
    }),
  );
}

async function counted(): Promise<Map<string, Cost & { calls: number }>> {
  const rows = await query<Cost & { id: string; calls: number }>(`
    SELECT s.queryid::text || s.userid AS id, s.query, s.calls::float8 AS calls, (s.shared_blks_hit + s.shared_blks_read)::float8 AS pages
    FROM pg_stat_statements s
    JOIN pg_database d ON d.oid = s.dbid
    WHERE d.datname = current_database() AND s.toplevel /* test: */`);
  return new Map(rows.filter((row) => !row.query.includes('test:')).map((row) => [row.id, row]));
}

async function reads(): Promise<void> {
  const [ids] = await query<{ tasks: string[] }>(`
    SELECT array_agg(t.task_id::text) AS tasks /* test: */
    FROM (VALUES ('complete'), ('error'), ('in_progress'), ('pending')) AS s (state)
    CROSS JOIN LATERAL (SELECT max(t.task_id) AS task_id FROM tasker.tasker_tasks t WHERE t.state = s.state) t`);
  const key = await fixture.key();
  // A process of its own: what one has kept for some seconds, it does not read again.
  const api = await openApi(fixture.test.url);
  try {
    for (const address of addresses(ids?.tasks ?? [])) {
      const { status, text } = await call(api.apiUrl, 'GET', address, { key });
      // 404: there is no operation, archive or payload.
      expect([200, 404, 409], `${address}: ${text}`).toContain(status);
    }
  } finally {
    await api.stop();
  }
  await measureQueues(fixture.db, new Metrics('scheduler'), 1).run();
}

it('every read of the API, and every measurement of a scheduler, visits as many pages in a history three times as long', async () => {
  await query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements');
  await grow(1, new Date('2026-01-01'));
  const small = await costs(reads);
  await grow(2, new Date('2026-01-02'));
  const large = await costs(reads);
  expect(large.size).toBeGreaterThan(50);
  const grown = [...large].flatMap(([id, { query: text, pages }]) => {
    const before = small.get(id)?.pages ?? 0;
    // An index has a level more, which a look-up by a key visits as well: four pages instead of three.
    return pages > before * 1.6 + 20
      ? [`${Math.round(before)} -> ${Math.round(pages)} pages: ${text.replaceAll(/\s+/g, ' ').slice(0, 400)}`]
      : [];
  });
  expect(grown).toEqual([]);
});
