import type { Database } from '../../src/db/connections/database.ts';
import type { OperationState } from '../../src/db/statements/operations/operations.ts';
import type { Violation } from './audit.ts';
import { actedOn, type Bulk, type Started } from './bulk.ts';
import { rows } from './rows.ts';

interface Item {
  operation: string;
  task: string;
  state: 'waiting' | 'done' | 'refused' | 'failed';
  outcome: string | null;
  /** Rows of the audit of this act on this task. */
  audited: number;
  /** Transitions of the task and of its step that name the operation. */
  moved: number;
}

interface Row {
  id: string;
  state: OperationState;
  total: number;
  done: number;
  refused: number;
  failed: number;
}

/** Checks that each operation acted on each of its tasks once or not at all, on no other, and counted what it did. */
export async function bulkViolations(
  db: Database,
  { started, bystanders, violations }: Pick<Bulk, 'started' | 'bystanders' | 'violations'>,
): Promise<Violation[]> {
  const ids = started.map(({ id }) => id);
  const operations = new Map(
    (
      await rows<Row>(
        db,
        `SELECT operation_id::text AS id, state, total, done, refused, failed FROM tasker.tasker_operations
         WHERE operation_id = ANY ($1::bigint[])`,
        [ids],
      )
    ).map((row) => [row.id, row]),
  );
  const items = Map.groupBy(await itemsOf(db, ids), ({ operation }) => operation);
  return [
    ...violations,
    ...started.flatMap((each) => ofOperation(each, operations.get(each.id), items.get(each.id) ?? [])),
    ...actedTwice([...items.values()].flat()),
    ...(await ofBystanders(db, [...bystanders])),
  ];
}

function ofOperation(started: Started, row: Row | undefined, items: readonly Item[]): Violation[] {
  const { id, chosen, aborted } = started;
  if (row === undefined) return [{ kind: 'operation lost', detail: `${id} was started and is not there` }];
  const found: Violation[] = [];
  const add = (kind: string, detail: string): void => void found.push({ kind, detail: `operation ${id}: ${detail}` });
  const wanted = chosen.toSorted().join(',');
  const have = items
    .map(({ task }) => task)
    .toSorted()
    .join(',');
  if (wanted !== have || row.total !== chosen.length)
    add('set of an operation', `${chosen.length} tasks were chosen, and it has ${items.length}`);
  for (const state of ['done', 'refused', 'failed'] as const) {
    const counted = items.filter((item) => item.state === state).length;
    if (counted !== row[state]) add('count of an operation', `${row[state]} ${state}, and ${counted} items are`);
  }
  if (row.state !== 'done' && row.state !== 'aborted') add('operation without end', `it is ${row.state}`);
  if (row.state === 'done' && actedOn(row) !== row.total)
    add('operation without end', `${actedOn(row)} of ${row.total}`);
  if (aborted !== undefined && (row.state !== 'aborted' || actedOn(row) !== aborted))
    add('acted after the abort', `${aborted} tasks at the abort, ${actedOn(row)} in the end, ${row.state}`);
  for (const { task, state, outcome, audited, moved } of items) {
    if (audited !== (state === 'waiting' ? 0 : 1))
      add('audit of an item', `task ${task}, ${state}, has ${audited} rows`);
    if (moved > 0 !== (state === 'done'))
      add('act of an item', `task ${task} is ${state} (${outcome}), and ${moved} transitions are of it`);
  }
  return found;
}

/** All operations on a task chose it in the same state: after the first act it is no longer what the others chose. */
const actedTwice = (items: readonly Item[]): Violation[] =>
  [...Map.groupBy(items, ({ task }) => task)].flatMap(([task, all]) => {
    const done = all.filter(({ state }) => state === 'done').map(({ operation }) => operation);
    return done.length > 1
      ? [{ kind: 'acted on twice', detail: `task ${task}, by operations ${done.join(', ')}` }]
      : [];
  });

async function ofBystanders(db: Database, tasks: readonly string[]): Promise<Violation[]> {
  const touched = await rows<{ task: string; why: string }>(
    db,
    `SELECT t.task_id::text AS task, 'it is ' || t.state AS why FROM tasker.tasker_tasks t
     WHERE t.task_id = ANY ($1::bigint[]) AND t.state <> 'error'
     UNION ALL
     SELECT a.subject_id, a.act || ' by ' || a.by FROM tasker.tasker_audit a
     WHERE a.subject = 'task' AND a.subject_id = ANY ($1::text[])`,
    [tasks],
  );
  return touched.map(({ task, why }) => ({ kind: 'bystander touched', detail: `task ${task}: ${why}` }));
}

const itemsOf = (db: Database, operations: readonly string[]): Promise<Item[]> =>
  rows<Item>(
    db,
    `SELECT i.operation_id::text AS operation, i.task_id::text AS task, i.state, i.outcome,
       (SELECT count(*)::integer FROM tasker.tasker_audit a
        WHERE a.subject = 'task' AND a.subject_id = i.task_id::text AND a.details ->> 'operation' = i.operation_id::text) AS audited,
       (SELECT count(*)::integer FROM tasker.tasker_task_transitions t
        WHERE t.task_id = i.task_id AND t.metadata ->> 'operation' = i.operation_id::text)
       + (SELECT count(*)::integer FROM tasker.tasker_workflow_step_transitions t
          WHERE t.task_id = i.task_id AND t.metadata ->> 'operation' = i.operation_id::text) AS moved
     FROM tasker.tasker_operation_items i WHERE i.operation_id = ANY ($1::bigint[])`,
    [operations],
  );
