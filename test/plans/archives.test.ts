import { beforeAll, describe, expect, it } from 'vitest';
import { keyFilter, probesOf, tagKey } from '../../src/archive/key-filter.ts';
import { findArchiveOfTask, findArchivesOfKey } from '../../src/db/statements/archive/records.ts';
import { useTestDatabase } from '../support/test-database.ts';
import { call, planOf } from './plan.ts';

const RECORDS = 20_000;
const TASKS_EACH = 1000;
const test = await useTestDatabase();

/** The record of every thousandth task and the 999 after it; the tag of the newest is in no other. */
beforeAll(async () => {
  const insert = (from: number, to: number, tag: string) =>
    test.query(
      `INSERT INTO tasker.tasker_archives (state, object, stored_at, format, tasks, steps, edges, transitions, erased_tasks, lowest_task_id,
         highest_task_id, requested_since, requested_until, ended_until, bytes, sha256, members, keys)
       SELECT 'stored', 'object ' || n, now(), 2, $3::integer, 0, 0, 0, 0, n * $3::integer + 1, (n + 1) * $3::integer, now(), now(), now(), 1, '',
         decode(repeat('ff', $3::integer / 8), 'hex'), $4
       FROM generate_series($1::bigint, $2::bigint) AS n`,
      [from, to, TASKS_EACH, keyFilter(new Set([tagKey(tag)]))],
    );
  await insert(0, RECORDS - 2, 'any');
  await insert(RECORDS - 1, RECORDS - 1, 'rare');
  await test.query('VACUUM ANALYZE tasker.tasker_archives');
});

describe(`with ${RECORDS} objects of ${TASKS_EACH} tasks each`, () => {
  it.each([
    ['the oldest', 1, 120],
    ['one in the middle', (RECORDS / 2) * TASKS_EACH + 7, 80],
    ['the newest', RECORDS * TASKS_EACH, 20],
    ['one that is not archived', RECORDS * TASKS_EACH + 5, 20],
  ])('the object of a task is found by the index of ids: %s', async (_, taskId, pages) => {
    const plan = await planOf(test.pool, call(findArchiveOfTask, { task_id: String(taskId) }));
    expect(plan.indexes).toContain('archives_by_task');
    expect([...plan.sequential]).not.toContain('tasker_archives');
    expect(plan.buffers).toBeLessThanOrEqual(pages);
  });

  it('objects that may have a key are read from the newest on, until there are enough', async () => {
    const { a, b } = probesOf(tagKey('rare'));
    const given = { a: String(a), b: String(b), below: null, limit: 1 };
    const plan = await planOf(test.pool, call(findArchivesOfKey, given));
    expect(plan.indexes).toContain('tasker_archives_pkey');
    expect(plan.nodeTypes).not.toContain('Sort');
    expect(plan.buffers).toBeLessThanOrEqual(20);
  });

  it('a search for a key that none has reads each record once', async () => {
    const { a, b } = probesOf(tagKey('none'));
    const plan = await planOf(
      test.pool,
      call(findArchivesOfKey, { a: String(a), b: String(b), below: null, limit: 10 }),
    );
    const [{ pages = 0 } = {}] = await test.query<{ pages: number }>(
      `SELECT (pg_relation_size('tasker.tasker_archives') + pg_relation_size('tasker.tasker_archives_pkey')) / 8192 AS pages`,
    );
    expect(plan.buffers).toBeLessThan(Number(pages) + RECORDS / 100);
  });
});
