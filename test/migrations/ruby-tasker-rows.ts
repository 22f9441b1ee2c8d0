import fc from '../support/fast-check.ts';
import type { ClientBase } from 'pg';

/** Rows as Tasker (Ruby) leaves them: what its columns can hold, whether or not it makes sense. */
export interface RubyTaskerTransition {
  sortKey: number;
  to: string;
  mostRecent: boolean;
}

export interface RubyTaskerStep {
  id: string;
  /** 1-based number of the step's name; the id does not depend on it. */
  name: number;
  parents: readonly string[];
  retryable: boolean;
  retryLimit: number | null;
  attempts: number;
  inProcess: boolean;
  processed: boolean;
  attempted: boolean;
  results?: unknown;
  history: readonly RubyTaskerTransition[];
}

export interface RubyTaskerTask {
  id: string;
  complete: boolean;
  bypassSteps?: unknown;
  tags?: unknown;
  history: readonly RubyTaskerTransition[];
  steps: readonly RubyTaskerStep[];
}

/** A history as its releases write it: keys 10, 20, ..., from_state empty, the last row most recent. */
export function statesman(...states: string[]): RubyTaskerTransition[] {
  return states.map((to, index) => ({ sortKey: (index + 1) * 10, to, mostRecent: index === states.length - 1 }));
}

/** A step that nothing happened to, but what is given. Its name is its id's last digit plus one. */
export function rubyTaskerStep(id: number, given: Partial<RubyTaskerStep> = {}): RubyTaskerStep {
  return {
    id: String(id),
    name: (id % 10) + 1,
    parents: [],
    retryable: true,
    retryLimit: 3,
    attempts: 0,
    inProcess: false,
    processed: false,
    attempted: false,
    history: [],
    ...given,
  };
}

/** The unique indexes on the most recent row keep some rows from being written; a damaged database has lost them. */
export async function dropMostRecentIndexes(client: ClientBase): Promise<void> {
  for (const index of [
    'index_step_transitions_on_step_and_most_recent',
    'index_task_transitions_on_task_and_most_recent',
  ]) {
    await client.query(`DROP INDEX tasker.${index}`);
  }
}

/** Writes the tasks into the tables of migrations 0001 to 0003, as tasks of the workflow `workflow` with steps step_1, step_2, ... */
export async function insertRubyTaskerTasks(
  client: ClientBase,
  tasks: readonly RubyTaskerTask[],
  workflow = 'random',
): Promise<void> {
  const { rows } = await client.query<{ named_task_id: number; ids: Record<string, number> }>(
    `SELECT (SELECT max(named_task_id) FROM tasker.tasker_named_tasks WHERE name = $1) AS named_task_id,
       (SELECT jsonb_object_agg(name, named_step_id) FROM tasker.tasker_named_steps) AS ids`,
    [workflow],
  );
  const { named_task_id: namedTaskId, ids } = rows[0] as (typeof rows)[0];
  const hourAgo = Date.now() - 3_600_000;
  const insert = (table: string, records: object[]): Promise<unknown> =>
    client.query(
      `INSERT INTO tasker.${table} SELECT * FROM jsonb_populate_recordset(NULL::tasker.${table}, $1::jsonb)`,
      [JSON.stringify(records)],
    );
  const transitions = (key: object, history: readonly RubyTaskerTransition[]): object[] =>
    history.map(({ sortKey, to, mostRecent }, index) => ({
      ...key,
      sort_key: sortKey,
      from_state: null,
      to_state: to,
      most_recent: mostRecent,
      metadata: {},
      created_at: new Date(hourAgo + index * 1000).toISOString(),
    }));
  await insert(
    'tasker_tasks',
    tasks.map((task) => ({
      task_id: task.id,
      named_task_id: namedTaskId,
      complete: task.complete,
      requested_at: new Date(hourAgo).toISOString(),
      bypass_steps: task.bypassSteps ?? null,
      tags: task.tags ?? null,
      context: {},
      identity_hash: `ancestor ${workflow} ${task.id}`,
    })),
  );
  await insert(
    'tasker_task_transitions',
    tasks.flatMap((task) => transitions({ task_id: task.id }, task.history)),
  );
  const steps = tasks.flatMap((task) => task.steps.map((step) => ({ task, step })));
  await insert(
    'tasker_workflow_steps',
    steps.map(({ task, step }) => ({
      task_id: task.id,
      workflow_step_id: step.id,
      named_step_id: ids[`step_${step.name}`],
      retryable: step.retryable,
      retry_limit: step.retryLimit,
      in_process: step.inProcess,
      processed: step.processed,
      attempts: step.attempts,
      last_attempted_at: step.attempted ? new Date(hourAgo).toISOString() : null,
      results: step.results ?? null,
      skippable: true,
    })),
  );
  await insert(
    'tasker_workflow_step_edges',
    steps.flatMap(({ task, step }) =>
      step.parents.map((parent) => ({ task_id: task.id, from_step_id: parent, to_step_id: step.id, name: 'provides' })),
    ),
  );
  await insert(
    'tasker_workflow_step_transitions',
    steps.flatMap(({ task, step }) => transitions({ task_id: task.id, workflow_step_id: step.id }, step.history)),
  );
}

const STATES = ['pending', 'in_progress', 'complete', 'error', 'cancelled', 'resolved_manually'] as const;

/** Any states in any order, under any ascending keys, most recent or not. */
const history: fc.Arbitrary<RubyTaskerTransition[]> = fc
  .array(
    fc.record({
      gap: fc.constantFrom(0, 1, 10),
      to: fc.oneof(
        { weight: 3, arbitrary: fc.constantFrom('pending', 'in_progress', 'error') },
        fc.constantFrom(...STATES),
      ),
      mostRecent: fc.integer({ min: 0, max: 3 }),
    }),
    { maxLength: 5 },
  )
  .map((rows) => {
    let sortKey = -1;
    return rows.map(({ gap, to, mostRecent }, index) => {
      sortKey = index === 0 ? gap : sortKey + Math.max(1, gap);
      return { sortKey, to, mostRecent: index === rows.length - 1 ? mostRecent > 0 : mostRecent === 0 };
    });
  });

const step = fc.record({
  history,
  place: fc.nat(1000),
  retryable: fc.boolean(),
  retryLimit: fc.constantFrom(null, 0, 1, 2, 3),
  attempts: fc.constantFrom(0, 0, 1, 2, 4),
  inProcess: fc.boolean(),
  processed: fc.integer({ min: 0, max: 3 }).map((n) => n === 0),
  attempted: fc.boolean(),
  parents: fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
});

/** Tasks with random graphs whose step ids are in no order, and whatever histories and flags. */
export const rubyTaskerTasks: fc.Arbitrary<RubyTaskerTask[]> = fc
  .array(
    fc.record({
      steps: fc.array(step, { minLength: 1, maxLength: 5 }),
      history,
      complete: fc.integer({ min: 0, max: 7 }).map((n) => n === 0),
    }),
    { minLength: 4, maxLength: 12, size: 'max' },
  )
  .map((tasks) =>
    tasks.map((task, index) => {
      const id = String((index + 1) * 7919);
      const order = task.steps
        .map((_, position) => position)
        .toSorted((a, b) => {
          const [left, right] = [task.steps[a]?.place ?? 0, task.steps[b]?.place ?? 0];
          return left === right ? a - b : left - right;
        });
      const idOf = (position: number): string => String(Number(id) * 100 + order.indexOf(position));
      return {
        id,
        complete: task.complete,
        history: task.history,
        steps: task.steps.map(({ parents, place: _, ...rest }, position) => ({
          ...rest,
          id: idOf(position),
          name: position + 1,
          parents: parents.slice(0, position).flatMap((is, parent) => (is ? [idOf(parent)] : [])),
        })),
      };
    }),
  );
