import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createClient } from '../../src/client/client.ts';
import { CHECKS } from '../../src/db/doctor/examine.ts';
import { MENDS } from '../../src/db/doctor/mends/index.ts';
import { distrustStretches } from '../../src/db/statements/directory/enter-stretch.ts';
import { STRETCH } from '../../src/db/statements/rules/directory.ts';
import { moveTasksToVersion } from '../../src/db/statements/tasks/adopt-tasks.ts';
import { enterDirectoryOnce } from '../../src/engine/enter-directory.ts';
import type { TaskFilter } from '../../src/reads/task-filter.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { useEngine } from '../engine/engine-fixture.ts';
import { first } from '../support/first.ts';
import { waitFor } from '../support/wait-for.ts';

/** Every 53rd id, over three stretches and a part of a fourth. */
const TASKS = 2000;
const STEP = 53;
const FIRST_REQUEST = new Date('2026-01-01T00:00:00Z');
const engine = await useEngine();
const client = createClient({ url: engine.test.url, poolSize: 2, notify: false });
afterAll(() => client.close());
const versions: Record<string, number> = {};

const load = async (from: number, to: number): Promise<void> => {
  await engine.test.query(
    `INSERT INTO tasker.tasker_tasks (task_id, named_task_id, context, identity_hash, requested_at, state, complete, completed_at, sort_key, tags)
     SELECT i * ${STEP}, CASE WHEN i % 101 = 0 THEN $3::integer WHEN i % 7 = 0 THEN $4::integer WHEN i < 500 AND i % 2 = 0 THEN $5::integer ELSE $6::integer END,
       '{}', 'directory ' || i, $7::timestamptz + i * interval '1 minute', CASE WHEN i % 90 = 0 THEN 'cancelled' ELSE 'complete' END, i % 90 <> 0, $7::timestamptz + i * interval '2 minutes', 2,
       CASE WHEN i % 61 = 0 THEN '["rare", "half", "rare"]'::jsonb WHEN i % 2 = 0 THEN '["half"]' WHEN i = 3 THEN '["once", null, 5]' WHEN i % 4 = 1 THEN '"half"' WHEN i < 400 THEN '["old"]' END
     FROM generate_series($1::integer, $2::integer) AS i`,
    [from, to, versions['rare'], versions['second'], versions['old'], versions['usual'], FIRST_REQUEST],
  );
  await engine.test.query(
    `INSERT INTO tasker.tasker_task_transitions (task_id, sort_key, from_state, to_state, most_recent, cause)
     SELECT t.task_id, 1, 'in_progress', t.state, true, CASE t.state WHEN 'cancelled' THEN 'cancel' ELSE 'complete' END
     FROM tasker.tasker_tasks t WHERE t.task_id BETWEEN $1::bigint * ${STEP} AND $2::bigint * ${STEP}`,
    [from, to],
  );
};

beforeAll(async () => {
  const define = (name: string, version: string) =>
    engine.workflow(defineWorkflow({ name, version, input: z.unknown() }).step('a', () => 1));
  versions['usual'] = await define('usual', '1.0.0');
  versions['second'] = await define('usual', '2.0.0');
  versions['rare'] = await define('rare', '1.0.0');
  versions['old'] = await define('old', '1.0.0');
  await load(1, TASKS);
  await engine.test.query('VACUUM ANALYZE tasker.tasker_tasks');
});

const FILTERS: [string, TaskFilter, string][] = [
  ['a rare workflow', { workflow: 'rare' }, `k.name = 'rare'`],
  ['a workflow of long ago', { workflow: 'old' }, `k.name = 'old'`],
  ['both versions of a workflow', { workflow: 'usual' }, `k.name = 'usual'`],
  ['one of them', { workflow: 'usual', version: '2.0.0' }, `k.version = '2.0.0'`],
  ['a rare tag', { tags: ['rare'] }, `t.tags @> '["rare"]'`],
  ['a frequent tag', { tags: ['half'] }, `t.tags @> '["half"]'`],
  ['a tag of one task', { tags: ['once'] }, `t.tags @> '["once"]'`],
  ['a tag of long ago', { tags: ['old'] }, `t.tags @> '["old"]'`],
  ['no tag', { tags: ['none'] }, 'false'],
  ['two tags', { tags: ['half', 'rare'] }, `t.tags @> '["half", "rare"]'`],
  ['a tag and a workflow', { tags: ['half'], workflow: 'rare' }, `k.name = 'rare' AND t.tags @> '["half"]'`],
  [
    'a state among those of a workflow',
    { workflow: 'rare', states: ['complete'] },
    `k.name = 'rare' AND t.state = 'complete'`,
  ],
  [
    'a time and a workflow',
    { workflow: 'usual', requestedSince: at(700), requestedBefore: at(1300) },
    `k.name = 'usual' AND t.requested_at >= '${at(700).toISOString()}' AND t.requested_at < '${at(1300).toISOString()}'`,
  ],
];

function at(task: number): Date {
  return new Date(FIRST_REQUEST.getTime() + task * 60_000);
}

async function idsWhere(condition: string): Promise<string[]> {
  const rows = await engine.test.query<{ task_id: string }>(
    `SELECT t.task_id FROM tasker.tasker_tasks t JOIN tasker.tasker_named_tasks k USING (named_task_id) WHERE ${condition} ORDER BY t.task_id DESC`,
  );
  return rows.map((row) => row.task_id);
}

/** By pages of this size, and whether one of them was cut short. */
async function walk(filter: TaskFilter, limit: number): Promise<{ ids: string[]; cut: boolean }> {
  const ids: string[] = [];
  let cut = false;
  let page = await client.taskPage({ ...filter, limit });
  for (;;) {
    ids.push(...page.tasks.map((task) => task.task_id));
    cut ||= !page.complete;
    if (page.nextCursor === undefined) return { ids, cut };
    page = await client.taskPage({ cursor: page.nextCursor, limit });
  }
}

async function everyListIsRight(): Promise<void> {
  for (const [name, filter, condition] of FILTERS) {
    const expected = await idsWhere(condition);
    for (const limit of expected.length > 300 ? [700] : [37])
      expect(await walk(filter, limit), name).toEqual({ ids: expected, cut: false });
  }
}

async function enterAll(): Promise<void> {
  while ((await enterDirectoryOnce(engine.db, { youngSeconds: 0 })).more) continue;
}

/** Transactions of other databases of the server delay it. */
const enterUpTo = (task: number): Promise<void> =>
  waitFor(
    async () => {
      await enterAll();
      return (await state()).up_to === task * STEP + 1;
    },
    { what: `the directory to have task ${task}` },
  ).then(() => undefined);

const state = async () => ({
  ...first(
    await engine.test.query<{ up_to: number; untrusted: string[] }>(
      `SELECT d.entered_up_to::integer AS up_to, ARRAY(SELECT s.stretch::text FROM tasker.tasker_directory_stretches s WHERE NOT s.trusted) AS untrusted
       FROM tasker.tasker_directory d`,
    ),
  ),
});

const violations = (): Promise<object[]> =>
  engine.test.query(CHECKS.find(({ id }) => id === 'directory_has_every_task')?.sql as string);

describe('lists of a workflow or a tag', () => {
  it('are right before a scheduler has entered anything, and afterwards, and read nothing else then', async () => {
    await everyListIsRight();
    await enterUpTo(TASKS);
    expect((await state()).untrusted).toEqual([]);
    await everyListIsRight();
    expect(await violations()).toEqual([]);
  });

  it('are right when tasks were moved to another version, at once and after they are entered again', async () => {
    const moved = Array.from({ length: 20 }, (_, n) => String((700 + n) * STEP));
    await engine.db.run(moveTasksToVersion, { named_task_id: versions['rare'] as number, task_ids: moved });
    expect((await state()).untrusted).toEqual(['1']);
    await everyListIsRight();
    await enterAll();
    expect((await state()).untrusted).toEqual([]);
    await everyListIsRight();
  });

  it('are right when tasks were removed, and when the first of them were', async () => {
    await engine.test.query(
      `WITH removed AS (
         DELETE FROM tasker.tasker_tasks WHERE task_id / ${STEP} % 5 = 1 OR task_id / ${STEP} < 150 RETURNING task_id
       )
       DELETE FROM tasker.tasker_task_transitions h USING removed r WHERE h.task_id = r.task_id`,
    );
    await everyListIsRight();
    await engine.test.query(`UPDATE tasker.tasker_directory_stretches SET entered_at = entered_at - interval '2 days'`);
    const before = await engine.test.query(`SELECT count(*) FROM tasker.tasker_directory_entries WHERE tasks > 200`);
    for (let round = 0; round < 4; round += 1) await enterDirectoryOnce(engine.db, { youngSeconds: 0 });
    expect(
      await engine.test.query(`SELECT count(*) FROM tasker.tasker_directory_entries WHERE tasks > 200`),
    ).not.toEqual(before);
    await everyListIsRight();
  });

  it('are right when tasks appear among those that are entered', async () => {
    await engine.db.transaction(async (tx) => {
      await load(151, 151);
      await tx.run(distrustStretches, { task_ids: [String(151 * STEP)] });
    });
    expect((await state()).untrusted).toEqual(['0']);
    await everyListIsRight();
  });
});

describe('a task that is missing in the directory', () => {
  it('is found by the doctor, whose mend has it entered again', async () => {
    await enterAll();
    await engine.test.query(`DELETE FROM tasker.tasker_directory_entries WHERE term = $1 AND stretch = 2`, [
      versions['rare'],
    ]);
    const missing = await violations();
    expect(missing.length).toBeGreaterThan(0);
    const mend = MENDS['directory_has_every_task'] as { sql: string };
    await engine.test.query(mend.sql);
    await everyListIsRight();
    await enterAll();
    expect(await violations()).toEqual([]);
    await everyListIsRight();
  });
});

describe('a stretch is entered', () => {
  it('when no transaction runs any more that may have ids in it', async () => {
    const session = await engine.test.pool.connect();
    try {
      await session.query('BEGIN');
      await session.query('SELECT pg_current_xact_id()');
      await load(TASKS + 1, TASKS + 700);
      await enterAll();
      expect((await state()).up_to).toBe(TASKS * STEP + 1);
      await session.query('COMMIT');
    } finally {
      session.release();
    }
    await enterUpTo(TASKS + 700);
    await everyListIsRight();
  });

  it('some minutes after its last id was given out', async () => {
    await load(TASKS + 701, TASKS + 1400);
    const later = () =>
      engine.test.query(`UPDATE tasker.tasker_directory SET closing_at = closing_at - interval '11 minutes'`);
    await later();
    await waitFor(
      async () => {
        await enterDirectoryOnce(engine.db, { youngSeconds: 600 });
        return (
          (
            await engine.test.query(
              `SELECT FROM tasker.tasker_directory WHERE closing_up_to = ${(TASKS + 1400) * STEP + 1}`,
            )
          ).length > 0
        );
      },
      { what: 'the next stretches to be closed' },
    );
    await enterDirectoryOnce(engine.db, { youngSeconds: 600 });
    expect((await state()).up_to).toBe((TASKS + 700) * STEP + 1);
    await everyListIsRight();
    await later();
    await waitFor(async () => (await enterDirectoryOnce(engine.db, { youngSeconds: 600 })).tasks > 0, {
      what: 'the stretch',
    });
    expect((await state()).up_to).toBe(5 * STRETCH);
    await enterUpTo(TASKS + 1400);
  });

  it('although a copy of the database gives out lower transaction numbers', async () => {
    await load(TASKS + 1401, TASKS + 2100);
    await engine.test.query(
      `UPDATE tasker.tasker_directory SET closing_up_to = entered_up_to, closing_after = 4000000000000, closing_at = clock_timestamp()`,
    );
    await enterUpTo(TASKS + 2100);
    expect(await violations()).toEqual([]);
    await everyListIsRight();
  });
});

describe('whoever brings a task back', () => {
  it('waits for a stretch that is being entered, and is waited for', async () => {
    const [restoring, entering] = [await engine.test.pool.connect(), await engine.test.pool.connect()];
    try {
      await restoring.query('BEGIN');
      await restoring.query(distrustStretches.text, [...distrustStretches.values({ task_ids: ['100'] })]);
      // Its transaction may still bring tasks back: nothing is entered meanwhile.
      expect(await enterDirectoryOnce(engine.db, { youngSeconds: 0 })).toEqual({ tasks: 0, more: false });
      await restoring.query('ROLLBACK');
      await entering.query('BEGIN');
      await entering.query('SELECT FROM tasker.tasker_directory FOR NO KEY UPDATE');
      let waited = true;
      const distrusting = restoring
        .query(distrustStretches.text, [...distrustStretches.values({ task_ids: [String(7 * STRETCH + 1)] })])
        .then(() => (waited = false));
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect(waited).toBe(true);
      // The stretch was entered without the task.
      await entering.query(`UPDATE tasker.tasker_directory SET entered_up_to = 8 * ${STRETCH}`);
      await entering.query('COMMIT');
      await distrusting;
      expect((await state()).untrusted).toEqual(['7']);
    } finally {
      restoring.release();
      entering.release();
    }
  });
});
