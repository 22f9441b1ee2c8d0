import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createClient } from '../../src/client/client.ts';
import { CHECKS } from '../../src/db/doctor/examine.ts';
import { MENDS } from '../../src/db/doctor/mends/index.ts';
import { distrustStretches, enterStretch, lockDirectory } from '../../src/db/statements/directory/enter-stretch.ts';
import { STRETCH } from '../../src/db/statements/rules/directory.ts';
import { moveTasksToVersion } from '../../src/db/statements/tasks/adopt-tasks.ts';
import { enterDirectoryOnce } from '../../src/engine/enter-directory.ts';
import { InvalidInputError } from '../../src/errors.ts';
import { parseSearch } from '../../src/reads/search/parse-search.ts';
import type { TaskFilter } from '../../src/reads/task-filter.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { useEngine } from '../engine/engine-fixture.ts';
import { waitFor } from '../support/wait-for.ts';

/** Every 997th id: several stretches. */
const STEP = 997;
const engine = await useEngine();
const client = createClient({ url: engine.test.url, poolSize: 2, notify: false });
afterAll(() => client.close());
const versions: Record<string, number> = {};

/** Inputs as PostgreSQL has them: each is JSON text. */
const NASTY = [
  '{"order": 10248}',
  '{"order": "10248"}',
  '{"order": 10248.0}',
  '{"order": 1.0248e4}',
  '{"order": 9007199254740993}',
  '{"order": 9007199254740992}',
  '{"order": "9007199254740993"}',
  '{"order": true}',
  '{"order": "true"}',
  '{"order": null}',
  '{"order": ""}',
  '{"order": "it\'s \\"quoted\\" \\\\ back"}',
  '{"order": "snow \\u2603 \\ud83d\\ude00 Ünï"}',
  '{"order": "Straße"}',
  '{"order": "STRASSE"}',
  '{"order": [10248]}',
  '{"order": {"order": 10248}}',
  '{"order": 1e400}',
  '[{"order": 10248}]',
  '10248',
  'null',
  '{"a.b": {"c d": "dots"}}',
  '{"a": {"b": {"c d": "dots"}}}',
  '{"a.b": {"c d": ["dots"]}}',
  '{"lines": [{"sku": "A-7"}, {"sku": "B"}, {"sku": "A-7"}]}',
  '{"lines": {"sku": "A-7"}}',
  '{"lines": [[{"sku": "A-7"}]]}',
  '{"lines": [{"sku": ["A-7"]}]}',
  '{"lines": []}',
  '{"lines": [{"sku": 7}, {"other": 1}]}',
  '{"tags": ["x", 1, null, true, [2]]}',
  '{"tags": "x"}',
  '{"q\\"uote": {"b\\\\ack": "odd"}}',
  '{"": "nameless"}',
  '{"$": "dollar"}',
];
const PATHS = [
  'input.order',
  'input."a.b"."c d"',
  'input.lines[].sku',
  'input.tags[]',
  String.raw`input."q\"uote"."b\\ack"`,
  'input."$"',
];
const SEARCHES = [
  'input.order:10248',
  'input.order:"10248"',
  'input.order:10248.0',
  'input.order:9007199254740993',
  'input.order:"9007199254740993"',
  'input.order:true',
  'input.order:"true"',
  'input.order:null',
  'input.order:""',
  String.raw`input.order:"it's \"quoted\" \\ back"`,
  'input.order:"snow ☃ 😀 Ünï"',
  'input.order:"Straße"',
  'input.order:none',
  'input."a.b"."c d":dots',
  'input.lines[].sku:A-7',
  'input.lines[].sku:7',
  'input.tags[]:x',
  'input.tags[]:1',
  'input.tags[]:null',
  String.raw`input."q\"uote"."b\\ack":odd`,
  'input."$":dollar',
  'input.order:10248 input.order:"10248"',
  'input.order:10248 state:complete',
];
/** As programs ask: several members at once, and alternatives of which one is none of the path. */
const FILTERS: readonly [string, TaskFilter['inputHas'], boolean][] = [
  ['two members', [['{"order": 1, "lines": [{"sku": "A-7"}]}']], true],
  ['two alternatives', [['{"order": 10248}', '{"order": "Straße"}']], true],
  ['an alternative beside the path', [['{"order": 10248}', '{"": "nameless"}']], false],
  ['another path', [['{"": "nameless"}']], false],
  ['an object', [['{"order": {}}']], false],
  ['a list at the top', [['[{"order": 10248}]']], true],
  ['a number alone', [['10248']], false],
];

async function load(from: number, to: number): Promise<void> {
  await engine.test.query(
    `INSERT INTO tasker.tasker_tasks (task_id, named_task_id, context, identity_hash, requested_at, state, complete, completed_at, sort_key)
     SELECT i * ${STEP}, CASE i % 3 WHEN 0 THEN $3::integer WHEN 1 THEN $4::integer ELSE $5::integer END,
       CASE WHEN i % 2 = 0 THEN ($6::jsonb[])[1 + (i / 2) % cardinality($6::jsonb[])] ELSE jsonb_build_object('order', i) END,
       'search ' || i, timestamptz '2026-01-01' + i * interval '1 minute', 'complete', true, timestamptz '2026-01-02' + i * interval '1 minute', 2
     FROM generate_series($1::integer, $2::integer) AS i`,
    [from, to, versions['first'], versions['second'], versions['other'], NASTY],
  );
}

beforeAll(async () => {
  const define = (name: string, version: string) =>
    engine.workflow(defineWorkflow({ namespace: 'shop', name, version, input: z.unknown() }).step('a', () => 1));
  versions['first'] = await define('checkout', '1.0.0');
  versions['second'] = await define('checkout', '2.0.0');
  versions['other'] = await define('refund', '1.0.0');
  await load(1, 300);
  await engine.test.query('VACUUM ANALYZE tasker.tasker_tasks');
});

const checkout = { namespace: 'shop', workflow: 'checkout' };

async function walk(
  filter: TaskFilter,
  limit = 7,
): Promise<{ ids: string[]; cut: boolean; by: Set<string | undefined> }> {
  const ids: string[] = [];
  const by = new Set<string | undefined>();
  let cut = false;
  for (let cursor: string | undefined; ;) {
    const page = await client.taskPage(cursor === undefined ? { ...filter, limit } : { cursor, limit });
    ids.push(...page.tasks.map((task) => task.task_id));
    by.add(page.searchPath);
    cut ||= !page.complete;
    if (page.nextCursor === undefined) return { ids, cut, by };
    cursor = page.nextCursor;
  }
}

/** By containment alone, without any index. */
async function expected(filter: TaskFilter, workflow: string): Promise<string[]> {
  const input = `[${(filter.inputHas ?? []).map((terms) => `[${terms.join(',')}]`).join(',')}]`;
  const rows = await engine.test.query<{ task_id: string }>(
    `SELECT t.task_id FROM tasker.tasker_tasks t JOIN tasker.tasker_named_tasks k USING (named_task_id)
     WHERE k.name = $1 AND NOT EXISTS (SELECT FROM jsonb_array_elements($2::jsonb) a (terms)
       WHERE NOT EXISTS (SELECT FROM jsonb_array_elements(a.terms) b (term) WHERE t.context @> b.term))
     ORDER BY t.task_id DESC`,
    [workflow, input],
  );
  return rows.map((row) => row.task_id);
}

/** `some`: each eighth search. */
async function everySearchIsRight(by?: 'path', some?: 'some'): Promise<void> {
  const asked: [string, TaskFilter['inputHas'], boolean][] = [
    ...SEARCHES.map((q): [string, TaskFilter['inputHas'], boolean] => [q, parseSearch(q).inputHas, true]),
    ...FILTERS,
  ];
  for (const [name, inputHas, answered] of asked.filter((_, index) => some === undefined || index % 8 === 0)) {
    const found = await walk({ ...checkout, inputHas });
    expect({ name, ids: found.ids, cut: found.cut }).toEqual({
      name,
      ids: await expected({ inputHas }, 'checkout'),
      cut: false,
    });
    if (by === 'path')
      expect({ name, by: [...found.by].some((path) => path !== undefined) }).toEqual({ name, by: answered });
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
      const [row] = await engine.test.query<{ up_to: number }>(
        `SELECT entered_up_to::integer AS up_to FROM tasker.tasker_directory`,
      );
      return row?.up_to === task * STEP + 1;
    },
    { what: `the directory to have task ${task}` },
  ).then(() => undefined);

const violations = (): Promise<object[]> =>
  engine.test.query(CHECKS.find(({ id }) => id === 'directory_has_every_task')?.sql as string);

const progress = async () =>
  (await client.search.list()).map(({ path, stretches, searched }) => [path, searched, stretches]);

describe('a path of inputs', () => {
  it('finds the same tasks as looking into inputs: before it is enabled, before it is entered, half entered, and afterwards', async () => {
    await everySearchIsRight(undefined, 'some');
    await enterUpTo(300);
    for (const path of PATHS)
      expect(await client.search.enable(checkout, path, { by: 'ada' })).toMatchObject({ outcome: 'enabled' });
    await everySearchIsRight('path', 'some');
    await enterDirectoryOnce(engine.db, { youngSeconds: 0 });
    await enterDirectoryOnce(engine.db, { youngSeconds: 0 });
    await everySearchIsRight('path', 'some');
    await enterUpTo(300);
    for (const [, searched, stretches] of await progress()) expect(searched).toBe(stretches);
    await everySearchIsRight('path');
    expect(await violations()).toEqual([]);
  });

  it('is of one workflow: another one, or all, are looked into', async () => {
    const inputHas = parseSearch('input.order:10248').inputHas;
    const other = await walk({ namespace: 'shop', workflow: 'refund', inputHas });
    expect([other.ids, [...other.by]]).toEqual([await expected({ inputHas }, 'refund'), [undefined]]);
    const both = await walk({ namespace: 'shop', inputHas });
    expect(both.ids.length).toBe(other.ids.length + (await expected({ inputHas }, 'checkout')).length);
    expect([...both.by]).toEqual([undefined]);
    // Pages of one task go on where the last one ended.
    expect((await walk({ ...checkout, inputHas }, 1)).ids).toEqual(await expected({ inputHas }, 'checkout'));
    const version = await walk({ ...checkout, version: '2.0.0', inputHas });
    expect([...version.by]).toEqual(['input.order of shop/checkout']);
  });

  it('has tasks that were entered later, moved to another workflow, or appear among old ids', async () => {
    await load(301, 400);
    await everySearchIsRight('path', 'some');
    await enterUpTo(400);
    await everySearchIsRight('path', 'some');
    const moved = Array.from({ length: 10 }, (_, n) => String((3 * n + 2) * STEP));
    await engine.db.run(moveTasksToVersion, { named_task_id: versions['first'] as number, task_ids: moved });
    await everySearchIsRight('path', 'some');
    await enterAll();
    await everySearchIsRight('path', 'some');
    await engine.db.transaction(async (tx) => {
      await engine.test.query(
        `INSERT INTO tasker.tasker_tasks (task_id, named_task_id, context, identity_hash, requested_at, state, sort_key)
         VALUES (1500, $1, '{"order": 10248}', 'restored', now(), 'cancelled', 2)`,
        [versions['first']],
      );
      await tx.run(distrustStretches, { task_ids: ['1500'] });
    });
    await everySearchIsRight('path', 'some');
    await enterAll();
    expect(await violations()).toEqual([]);
    await everySearchIsRight('path', 'some');
  });

  it('does not count where a scheduler of an earlier version has entered a stretch again', async () => {
    // It drops what it does not know, and leaves the new column as it was.
    await engine.test.query(
      `DELETE FROM tasker.tasker_directory_entries WHERE stretch = 1 AND term >= 4611686018427387904`,
    );
    await engine.test.query(
      `UPDATE tasker.tasker_directory_stretches SET trusted = true, entered_at = clock_timestamp() WHERE stretch = 1`,
    );
    await everySearchIsRight('path', 'some');
    expect(await violations()).toEqual([]);
    await enterAll();
    for (const [, searched, stretches] of await progress()) expect(searched).toBe(stretches);
    await everySearchIsRight('path', 'some');
  });

  it('waits for a stretch that is being entered without it', async () => {
    const entering = await engine.test.pool.connect();
    try {
      await entering.query('BEGIN');
      const [state] = (await entering.query(lockDirectory.text, [...lockDirectory.values({ young_seconds: 0 })])).rows;
      let enabled = false;
      const enabling = client.search.enable(checkout, 'input.late').then(() => (enabled = true));
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect(enabled).toBe(false);
      const given = { stretch: '0', up_to: String((state as { up_to: string }).up_to) };
      await entering.query(enterStretch.text, [...enterStretch.values(given)]);
      await entering.query('COMMIT');
      await enabling;
      expect((await progress()).find(([path]) => path === 'input.late')?.[1]).toBe(0);
    } finally {
      entering.release();
    }
  });

  it('that lacks a task is found by the doctor, whose mend has it entered again', async () => {
    await enterAll();
    await engine.test.query(
      `DELETE FROM tasker.tasker_directory_entries WHERE stretch = 2 AND term >= 4611686018427387904`,
    );
    expect((await violations()).length).toBeGreaterThan(0);
    await engine.test.query((MENDS['directory_has_every_task'] as { sql: string }).sql);
    await everySearchIsRight('path', 'some');
    await enterAll();
    expect(await violations()).toEqual([]);
  });

  it('that is disabled while somebody reads on loses no task, and what was entered goes with the comparison', async () => {
    const inputHas = [['{"order": 10248}', '{"order": "10248"}']];
    const found: string[] = [];
    for await (const task of client.tasks({ ...checkout, inputHas })) {
      found.push(task.task_id);
      if (found.length > 1) continue;
      for (const path of [...PATHS, 'input.late'])
        expect(await client.search.disable(checkout, path)).toMatchObject({ outcome: 'disabled' });
    }
    expect(found).toEqual(await expected({ inputHas }, 'checkout'));
    expect(await client.search.disable(checkout, 'input.order')).toEqual({ outcome: 'not_found' });
    await everySearchIsRight(undefined, 'some');
    await engine.test.query(`UPDATE tasker.tasker_directory_stretches SET entered_at = entered_at - interval '2 days'`);
    for (let n = 0; n * STRETCH < 400 * STEP; n += 1) await enterDirectoryOnce(engine.db, { youngSeconds: 0 });
    const left = await engine.test.query(
      `SELECT FROM tasker.tasker_directory_entries WHERE term >= 4611686018427387904`,
    );
    expect(left).toEqual([]);
  });
});

describe('enabling', () => {
  it('says what is there, and is an act', async () => {
    expect(await client.search.enable(checkout, 'input."order"', { by: 'ada', reason: 'incident' })).toMatchObject({
      outcome: 'enabled',
      path: 'input.order',
    });
    expect(await client.search.enable(checkout, 'input.order')).toEqual({ outcome: 'enabled_before' });
    expect(await client.search.enable({ workflow: 'checkout' }, 'input.order')).toEqual({ outcome: 'not_found' });
    expect(await client.search.enable(checkout, 'input.dry', { dryRun: true })).toMatchObject({ outcome: 'enabled' });
    for (let n = 1; n < 10; n += 1) await client.search.enable(checkout, `input.p${n}`);
    expect(await client.search.enable(checkout, 'input.p10')).toEqual({
      outcome: 'too_many',
      most: 10,
      of: 'workflow',
    });
    expect((await client.search.list()).length).toBe(10);
    const acts = await client.audit({ act: 'search.enable', limit: 50 });
    expect(
      acts
        .filter(({ refused }) => refused)
        .map(({ outcome }) => outcome)
        .toSorted(),
    ).toEqual(['not_found', 'too_many']);
  });

  it.each([
    ['order', /^path is "order": write it as in a search: input.order/],
    ['input.', /^path, character 7: input has no path/],
    ['input.a..b', /^path, character 9/],
    [`input.${'x'.repeat(600)}`, /^path has 606 characters/],
    ['input.\u0000', /^path is/],
    [5, /^path is 5/],
  ])('refuses %s', async (path, message) => {
    const refused = client.search.enable(checkout, path as string);
    await expect(refused).rejects.toThrow(InvalidInputError);
    await expect(refused).rejects.toThrow(message);
  });
});
