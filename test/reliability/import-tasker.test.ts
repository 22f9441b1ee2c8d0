import { describe, expect, test } from 'vitest';
import { handOverTask } from '../../src/import-tasker/hand-over.ts';
import type { ImportRun } from '../../src/import-tasker/import-run.ts';
import { openSource } from '../../src/import-tasker/open-source.ts';
import { checkedImportOptions } from '../../src/import-tasker/options.ts';
import { Tally } from '../../src/import-tasker/report.ts';
import { readRegistry } from '../../src/import-tasker/workflows.ts';
import { useRubyTaskerSource } from '../import-tasker/ruby-tasker-source.ts';
import { testClasses } from '../import-tasker/test-classes.ts';
import { insertRubyTasks, type RubyTask } from '../support/ruby-tasker/rows.ts';

const source = await useRubyTaskerSource();
testClasses(source, ['A0', 'B', 'C']);

// About a fifth of the races deadlock; by default the server finds that out after a second.
await source.query(`ALTER DATABASE ${source.name} SET deadlock_timeout = '20ms'`);
await source.query(
  `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`,
);

const RACES = 1000;
const LANES = 4;

async function makeRun(): Promise<ImportRun> {
  const options = checkedImportOptions({ sourceSchema: 'ruby', phase: 'open' });
  const opened = await openSource(source.db, options);
  return {
    db: source.db,
    source: opened.source,
    registry: await readRegistry(opened.source, options.names, options.defaultNamespace),
    options,
    tally: new Tally(),
    books: { source: opened.source.label, importId: '00000000-0000-0000-0000-000000000000' },
  };
}

/** As Tasker (Ruby) starts a task: if its newest state is pending, it moves it on. Returns whether it started it. */
async function start(taskId: number): Promise<boolean> {
  const client = await source.pool.connect();
  await client.query(`SET deadlock_timeout = '20ms'`);
  try {
    for (;;) {
      try {
        await client.query('BEGIN');
        const { rows } = await client.query<{ to_state: string; sort_key: number }>(
          `SELECT to_state, sort_key FROM ruby.tasker_task_transitions WHERE task_id = $1 AND most_recent`,
          [taskId],
        );
        const newest = rows[0] ?? { to_state: 'pending', sort_key: 0 };
        if (newest.to_state !== 'pending') {
          await client.query('ROLLBACK');
          return newest.to_state === 'in_progress';
        }
        await client.query(
          `UPDATE ruby.tasker_task_transitions SET most_recent = false WHERE task_id = $1 AND most_recent`,
          [taskId],
        );
        await client.query(
          `INSERT INTO ruby.tasker_task_transitions (task_id, to_state, sort_key, most_recent, created_at, updated_at)
           VALUES ($1, 'in_progress', $2, true, now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC')`,
          [taskId, newest.sort_key + 10],
        );
        await client.query('COMMIT');
        return true;
      } catch (error) {
        await client.query('ROLLBACK');
        if (!['23505', '40P01'].includes((error as { code?: string }).code ?? '')) throw error;
      }
    }
  } finally {
    client.release();
  }
}

describe('a hand-over', () => {
  test.each(['B', 'D'] as const)(
    `that races with a start by Tasker of class %s never lets a task be in both`,
    { timeout: 120_000 },
    async (form) => {
      const count = RACES / 2;
      await source.with(
        form,
        Array.from({ length: count }, (_, index): RubyTask => ({
          id: index + 1,
          secondsAgo: 1,
          states: index % 2 === 0 ? [] : ['in_progress', 'pending'],
          steps: [{ name: 'first' }, { name: 'second', parents: ['first'] }],
        })),
      );
      const run = await makeRun();
      let started = 0;
      const lane = async (first: number): Promise<void> => {
        for (let id = first; id <= count; id += LANES) {
          const [begun] = await Promise.all([start(id), handOverTask(run, String(id))]);
          started += Number(begun);
        }
      };
      await Promise.all(Array.from({ length: LANES }, (_, index) => lane(index + 1)));

      const rows = await source.query<{ newest: string | null; recent: number; here: boolean }>(
        `SELECT t.task_id,
         (SELECT x.to_state FROM ruby.tasker_task_transitions x WHERE x.task_id = t.task_id ORDER BY x.sort_key DESC LIMIT 1) AS newest,
         (SELECT count(*)::integer FROM ruby.tasker_task_transitions x WHERE x.task_id = t.task_id AND x.most_recent) AS recent,
         EXISTS (SELECT FROM tasker.tasker_tasks h WHERE h.task_id = t.task_id) AS here
       FROM ruby.tasker_tasks t`,
      );
      expect(rows.filter((row) => row.recent !== 1)).toEqual([]);
      expect(rows.filter((row) => row.here !== (row.newest === 'cancelled'))).toEqual([]);
      expect(rows.filter((row) => !row.here && row.newest !== 'in_progress')).toEqual([]);
      expect(rows.filter((row) => row.newest === 'in_progress')).toHaveLength(started);
      // Both win now and then: otherwise this was no race.
      expect(started).toBeGreaterThan(0);
      expect(started).toBeLessThan(count);
    },
  );
});

describe('many tasks', () => {
  test('are imported with bounded memory, sparse and high ids included', { timeout: 120_000 }, async () => {
    const ended = (id: number): RubyTask => ({
      id,
      states: ['in_progress', 'complete'],
      complete: true,
      steps: Array.from({ length: 6 }, (_, index) => ({
        name: `step_${index}`,
        parents: index === 0 ? [] : [`step_${index - 1}`],
        states: ['in_progress', 'complete'],
        attempts: 1,
        results: { index },
      })),
    });
    await source.with('B', [ended(2 ** 46 - 1)]);
    const tasks = Number(process.env['IMPORT_TASKS'] ?? 2000);
    for (let first = 1; first <= tasks; first += 1000) {
      await insertRubyTasks(
        source.pool,
        'B',
        Array.from({ length: 1000 }, (_, index) => ended((first + index) * 1000)),
      );
    }
    const started = performance.now();
    expect((await source.import()).imported).toBe(tasks + 1);
    console.log(`${tasks} tasks: ${((performance.now() - started) / 1000).toFixed(1)} s`);
    expect((await source.import({ verify: true })).differences).toEqual([]);
  });
});
