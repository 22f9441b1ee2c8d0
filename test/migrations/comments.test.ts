import { expect, test } from 'vitest';
import { migrateTo, migrateToLatest } from '../../src/db/migrate.ts';
import { waitFor } from '../support/wait-for.ts';
import { useTestDatabase } from '../support/test-database.ts';

const database = await useTestDatabase({ empty: true });

/** Every table and column of the schema with its comment. */
const commented = (): Promise<{ name: string; comment: string | null }[]> =>
  database.query(`
    SELECT c.relname || coalesce('.' || a.attname, '') AS name,
      CASE WHEN a.attnum IS NULL THEN obj_description(c.oid, 'pg_class') ELSE col_description(c.oid, a.attnum) END AS comment
    FROM pg_class c
    CROSS JOIN LATERAL (
      SELECT NULL::name AS attname, NULL::smallint AS attnum
      UNION ALL
      SELECT a.attname, a.attnum FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    ) a
    WHERE c.relnamespace = 'tasker'::regnamespace AND c.relkind = 'r'
    ORDER BY c.relname, a.attnum NULLS FIRST`);

test('every table and column of the schema has a comment', async () => {
  await migrateToLatest(database.url);
  const found = await commented();
  expect(found.length).toBeGreaterThan(150);
  expect(found.filter(({ comment }) => comment === null || comment.trim() === '').map(({ name }) => name)).toEqual([]);
  // The test can fail: nothing else gives a column a comment.
  await database.query('ALTER TABLE tasker.tasker_clock ADD COLUMN seen_by bigint');
  expect((await commented()).filter(({ comment }) => comment === null)).toEqual([
    { name: 'tasker_clock.seen_by', comment: null },
  ]);
  await database.query('ALTER TABLE tasker.tasker_clock DROP COLUMN seen_by');
});

test('the way down removes them, but for the one that migration 0005 reads on its way up', async () => {
  await migrateTo(database.url, '0019_clock');
  expect((await commented()).filter(({ comment }) => comment !== null)).toEqual([
    {
      name: 'tasker_tasks.bypass_steps',
      comment: 'Names of steps that the task does without. Honoured since migration 0005.',
    },
  ]);
  await migrateToLatest(database.url);
});

test('comments are written beside open transactions that read and write every table', async () => {
  await migrateTo(database.url, '0019_clock');
  const reader = await database.pool.connect();
  try {
    await reader.query('BEGIN');
    for (const { name } of (await commented()).filter(({ name: each }) => !each.includes('.'))) {
      await reader.query(`LOCK TABLE tasker.${name} IN ROW EXCLUSIVE MODE`);
    }
    await migrateTo(database.url, '0020_comments');
    expect((await commented()).filter(({ comment }) => comment === null)).toEqual([]);
  } finally {
    await reader.query('ROLLBACK');
    reader.release();
  }
});

test('writers pass a migration that waits for the lock of a vacuum', async () => {
  await migrateTo(database.url, '0019_clock');
  const holder = await database.pool.connect();
  try {
    await holder.query('BEGIN');
    await holder.query('LOCK TABLE tasker.tasker_workflow_steps IN SHARE UPDATE EXCLUSIVE MODE');
    const migrated = migrateTo(database.url, '0020_comments');
    const waiting = (): Promise<unknown[]> =>
      database.query(
        `SELECT FROM pg_locks WHERE NOT granted AND mode = 'ShareUpdateExclusiveLock' AND relation = 'tasker.tasker_workflow_steps'::regclass`,
      );
    await waitFor(async () => (await waiting()).length > 0, { what: 'the migration to wait for the lock' });
    // A statement of the fleet passes it meanwhile.
    await database.query('UPDATE tasker.tasker_workflow_steps SET priority = priority WHERE task_id = 0');
    await holder.query('ROLLBACK');
    await migrated;
    expect((await commented()).filter(({ comment }) => comment === null)).toEqual([]);
  } finally {
    holder.release();
  }
});
