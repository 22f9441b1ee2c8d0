import fc from '../support/fast-check.ts';
import { beforeAll, expect, it } from 'vitest';
import { showArchived } from '../../src/archive/read-tasks.ts';
import { restoreTask } from '../../src/archive/restore.ts';
import { verifyArchive } from '../../src/archive/verify.ts';
import { ARCHIVED, type ArchivedKind } from '../../src/db/statements/archive/archived-rows.ts';
import { readTask } from '../../src/reads/task.ts';
import { diamond, useEngine } from '../engine/engine-fixture.ts';
import { archive, archiveFolder, rowsOf } from './archive-fixture.ts';

const engine = await useEngine();
const { store } = await archiveFolder();
let workflow: number;
let stepId: string;
beforeAll(async () => {
  workflow = await engine.workflow(diamond);
  [{ stepId } = { stepId: '' }] = await engine.test.query<{ stepId: string }>(
    `SELECT min(named_step_id)::text AS "stepId" FROM tasker.tasker_named_steps`,
  );
});

const text = fc
  .string({ unit: 'grapheme', maxLength: 30 })
  .filter((value) => !value.includes('\u0000') && value.isWellFormed());
const number = fc.oneof(
  fc.constantFrom('1e400', '-0.0', '123456789012345678901234567890', '1.10', '1E-30'),
  fc.integer().map(String),
);
/** JSON text, with numbers that no double holds. */
const json: fc.Arbitrary<string> = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    number,
    text.map((value) => JSON.stringify(value)),
    fc.constantFrom('null', 'true', '[]', '{}'),
    fc.array(tie('value'), { maxLength: 3 }).map((values) => `[${values.join(', ')}]`),
    fc
      .array(fc.tuple(text, tie('value')), { maxLength: 3 })
      .map((pairs) => `{${pairs.map(([key, value]) => `${JSON.stringify(key)}: ${value}`).join(', ')}}`),
  ),
})).value;

const time = fc
  .tuple(fc.integer({ min: 0, max: 4_000_000_000 }), fc.integer({ min: 0, max: 999_999 }))
  .map(
    ([seconds, micros]) => `${new Date(seconds * 1000).toISOString().slice(0, 19)}.${String(micros).padStart(6, '0')}Z`,
  );
const uuid = fc.uuid();
const VALUES: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  bigint: fc.bigInt({ min: 0n, max: 2n ** 62n }).map(String),
  bigints: fc.array(fc.integer({ min: 1, max: 1e9 }), { maxLength: 3 }).map((ids) => `{${ids.join(',')}}`),
  boolean: fc.boolean(),
  integer: fc.integer({ min: 0, max: 1000 }),
  jsonb: json,
  smallint: fc.integer({ min: -100, max: 100 }),
  text,
  timestamptz: time,
  uuid,
};

/** A row with random values in the columns that may have them; the rest is given. */
function rowOf(kind: ArchivedKind, given: Readonly<Record<string, unknown>>, nullable: readonly string[]) {
  const columns = Object.entries(ARCHIVED[kind].columns as Record<string, string>).filter(
    ([column]) => !(column in given),
  );
  return fc.record({
    ...Object.fromEntries(Object.entries(given).map(([column, value]) => [column, fc.constant(value)])),
    ...Object.fromEntries(
      columns.map(([column, type]) => {
        const value = VALUES[type] as fc.Arbitrary<unknown>;
        return [column, nullable.includes(column) ? fc.option(value) : value];
      }),
    ),
  });
}

const HISTORY_NULLS = ['from_state', 'metadata', 'claim_id', 'worker_id'];

const task = fc.record({
  task: rowOf('task', { named_task_id: 0, complete: true, state: 'complete', identity_hash: '', tags: null }, [
    'initiator',
    'source_system',
    'reason',
    'bypass_steps',
    'completed_at',
    'schedule',
  ]),
  tags: fc.option(fc.array(text, { maxLength: 3 })),
  step: rowOf(
    'step',
    {
      named_task_id: 0,
      named_step_id: 0,
      state: 'complete',
      in_process: false,
      processed: true,
      claim_id: null,
      claimed_by: null,
      ready_at: null,
      next_retry_at: null,
      blocked_at: null,
    },
    ['processed_at', 'last_attempted_at', 'backoff_request_seconds', 'inputs', 'results'],
  ),
  edges: fc.uniqueArray(fc.integer({ min: 2, max: 100 }), { maxLength: 3 }),
  stepHistory: fc.array(rowOf('step_transition', { cause: 'claim', sort_key: 0 }, HISTORY_NULLS), { maxLength: 4 }),
  taskHistory: fc.array(rowOf('task_transition', { cause: null, most_recent: false, sort_key: 0 }, HISTORY_NULLS), {
    maxLength: 3,
  }),
});

let next = 1n;

async function insert(table: string, row: Readonly<Record<string, unknown>>): Promise<void> {
  const columns = Object.keys(row);
  await engine.test.query(
    `INSERT INTO tasker.${table} (${columns.join(', ')}) VALUES (${columns.map((_, at) => `$${at + 1}`).join(', ')})`,
    Object.values(row),
  );
}

it('brings random rows back byte for byte, and shows them as they were', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(task, { minLength: 1, maxLength: 6 }), async (tasks) => {
      const ids: string[] = [];
      for (const one of tasks) {
        // Some ids are larger than the integers of a double.
        const id = next % 3n === 0n ? 2n ** 40n + next : next;
        next += 1n;
        ids.push(String(id));
        const own = { task_id: String(id), workflow_step_id: String(id * 65_536n + 1n) };
        await insert('tasker_tasks', {
          ...one.task,
          task_id: own.task_id,
          named_task_id: workflow,
          identity_hash: `random ${id}`,
          tags: one.tags === null ? null : JSON.stringify(one.tags),
        });
        await insert('tasker_workflow_steps', { ...one.step, ...own, named_task_id: workflow, named_step_id: stepId });
        for (const to of one.edges)
          await insert('tasker_workflow_step_edges', {
            task_id: own.task_id,
            from_step_id: own.workflow_step_id,
            to_step_id: String(id * 65_536n + BigInt(to)),
            name: 'ü"\\',
          });
        for (const [at, row] of one.stepHistory.entries())
          await insert('tasker_workflow_step_transitions', { ...row, ...own, sort_key: at + 1, most_recent: false });
        for (const [at, row] of one.taskHistory.entries())
          await insert('tasker_task_transitions', { ...row, task_id: own.task_id, sort_key: at + 1 });
      }
      const before = await rowsOf(engine.test, ids);
      const shown = await Promise.all(ids.map((id) => readTask(engine.db, id)));
      expect(await archive(engine.db, store, ids)).toMatchObject({ outcome: 'archived', tasks: ids.length });
      expect(Object.values(await rowsOf(engine.test, ids)).flat()).toEqual([]);
      for (const [at, id] of ids.entries()) {
        expect((await showArchived(engine.db, store, id))?.task).toEqual({ ...shown[at], allowed_actions: [] });
        expect(await restoreTask(engine.db, store, id, { keepSeconds: 60 })).toMatchObject({ outcome: 'restored' });
      }
      expect(await rowsOf(engine.test, ids)).toEqual(before);
    }),
    { numRuns: 25 },
  );
  expect((await verifyArchive(engine.db, store, { deep: true })).problems).toEqual([]);
});
