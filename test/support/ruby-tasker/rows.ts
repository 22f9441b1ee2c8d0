import type { ClientBase, Pool } from 'pg';
import type { RubyClass } from './schema.ts';

/** A step as a test describes it; what is left out is as Tasker (Ruby) makes a new one. */
export interface RubyStep {
  name: string;
  parents?: readonly string[];
  /** The states that it went through; releases before 2.0 keep the last one only. */
  states?: readonly string[];
  /** Keys 10, 20, ... unless given. */
  sortKeys?: readonly number[];
  attempts?: number | null;
  retryable?: boolean;
  retryLimit?: number | null;
  inProcess?: boolean;
  processed?: boolean;
  attemptedSecondsAgo?: number;
  backoffSeconds?: number;
  results?: unknown;
  inputs?: unknown;
}

export interface RubyTask {
  id: number | bigint;
  workflow?: string;
  complete?: boolean;
  states?: readonly string[];
  secondsAgo?: number;
  /** JSON text; null: SQL's NULL. */
  context?: string | null;
  bypassSteps?: unknown;
  tags?: unknown;
  annotations?: Record<string, unknown>;
  identity?: string;
  steps: readonly RubyStep[];
}

const DAY = 86_400;
const timestamp = (secondsAgo: number): string => new Date(Date.now() - secondsAgo * 1000).toISOString().slice(0, -1);

/** Writes tasks into the tables of a class, and returns nothing: ids of steps are those of their task * 100 + their place. */
export async function insertRubyTasks(
  on: Pool | ClientBase,
  form: RubyClass,
  tasks: readonly RubyTask[],
  schema = 'ruby',
): Promise<void> {
  const insert = async (table: string, records: readonly object[]): Promise<void> => {
    if (records.length === 0) return;
    const columns = Object.keys(records[0] as object).join(', ');
    await on.query(
      `INSERT INTO ${schema}.${table} (${columns})
       SELECT ${columns} FROM jsonb_populate_recordset(NULL::${schema}.${table}, $1::jsonb) ON CONFLICT DO NOTHING`,
      [`[${records.map(textOf).join(',')}]`],
    );
  };
  const times = { created_at: timestamp(DAY), updated_at: timestamp(DAY) };
  const early = form === 'A0' || form === 'A';
  const workflows = [...new Set(tasks.map((task) => task.workflow ?? 'orders'))];
  const names = [...new Set(tasks.flatMap((task) => task.steps.map((step) => step.name)))];
  await insert('tasker_dependent_systems', [{ dependent_system_id: 1, name: 'default', ...times }]);
  if (form === 'D') await insert('tasker_task_namespaces', [{ task_namespace_id: 1, name: 'shop', ...times }]);
  await insert(
    'tasker_named_tasks',
    workflows.map((name) => ({ name, ...times })),
  );
  await insert(
    'tasker_named_steps',
    names.map((name) => ({ dependent_system_id: 1, name, ...times })),
  );
  const idOf = await ids(on, schema);
  await insert(
    'tasker_named_tasks_named_steps',
    [...new Set(tasks.flatMap((task) => task.steps.map((step) => `${task.workflow ?? 'orders'}\n${step.name}`)))].map(
      (pair) => {
        const [workflow = '', step = ''] = pair.split('\n');
        return { named_task_id: idOf.workflows[workflow], named_step_id: idOf.steps[step], ...times };
      },
    ),
  );
  await insert(
    'tasker_tasks',
    tasks.map((task) => ({
      task_id: Number(task.id),
      named_task_id: idOf.workflows[task.workflow ?? 'orders'],
      ...(early ? { status: task.states?.at(-1) ?? 'pending' } : {}),
      complete: task.complete ?? false,
      requested_at: timestamp(task.secondsAgo ?? DAY),
      initiator: 'test',
      source_system: 'unknown',
      bypass_steps: task.bypassSteps ?? [],
      tags: task.tags ?? [],
      context: task.context === undefined ? '{"order": 1}' : task.context,
      identity_hash: task.identity ?? `ruby ${task.id}`,
      ...times,
    })),
  );
  const steps = tasks.flatMap((task) => task.steps.map((step, place) => ({ task, step, id: stepIdOf(task, place) })));
  const parentsOf = (task: RubyTask, step: RubyStep): number[] =>
    (step.parents ?? []).map((parent) =>
      stepIdOf(
        task,
        task.steps.findIndex((other) => other.name === parent),
      ),
    );
  await insert(
    'tasker_workflow_steps',
    steps.map(({ task, step, id }) => ({
      workflow_step_id: id,
      task_id: Number(task.id),
      named_step_id: idOf.steps[step.name],
      ...(form === 'A0' ? { depends_on_step_id: parentsOf(task, step)[0] ?? null } : {}),
      ...(early ? { status: step.states?.at(-1) ?? 'pending' } : {}),
      retryable: step.retryable ?? true,
      retry_limit: step.retryLimit === undefined ? 3 : step.retryLimit,
      in_process: step.inProcess ?? false,
      processed: step.processed ?? ['complete'].includes(step.states?.at(-1) ?? ''),
      processed_at: step.states?.at(-1) === 'complete' || step.processed ? timestamp(DAY - 100) : null,
      attempts: step.attempts === undefined ? 0 : step.attempts,
      last_attempted_at: step.attemptedSecondsAgo === undefined ? null : timestamp(step.attemptedSecondsAgo),
      backoff_request_seconds: step.backoffSeconds ?? null,
      inputs: step.inputs ?? null,
      results: step.results ?? {},
      ...times,
    })),
  );
  await insert(
    'tasker_workflow_step_edges',
    steps.flatMap(({ task, step, id }) =>
      parentsOf(task, step)
        .slice(form === 'A0' ? 1 : 0)
        .map((parent) => ({ from_step_id: parent, to_step_id: id, name: 'provides', ...times })),
    ),
  );
  if (!early) {
    const historyOf = (key: object, states: readonly string[] = [], sortKeys?: readonly number[]): object[] =>
      states.map((to, index) => ({
        to_state: to,
        metadata: {},
        sort_key: sortKeys?.[index] ?? (index + 1) * 10,
        most_recent: index === states.length - 1,
        ...key,
        created_at: timestamp(DAY - 10 - index),
        updated_at: timestamp(DAY - 10 - index),
      }));
    await insert(
      'tasker_task_transitions',
      tasks.flatMap((task) => historyOf({ task_id: Number(task.id) }, task.states)),
    );
    await insert(
      'tasker_workflow_step_transitions',
      steps.flatMap(({ step, id }) => historyOf({ workflow_step_id: id }, step.states, step.sortKeys)),
    );
  }
  await insertAnnotations(insert, on, schema, tasks, times);
}

async function insertAnnotations(
  insert: (table: string, records: readonly object[]) => Promise<void>,
  on: Pool | ClientBase,
  schema: string,
  tasks: readonly RubyTask[],
  times: object,
): Promise<void> {
  const notes = tasks.flatMap((task) =>
    Object.entries(task.annotations ?? {}).map(([name, note]) => ({ task, name, note })),
  );
  await insert(
    'tasker_annotation_types',
    [...new Set(notes.map(({ name }) => name))].map((name) => ({ name, ...times })),
  );
  const { rows } = await on.query<{ ids: Record<string, number> | null }>(
    `SELECT jsonb_object_agg(name, annotation_type_id) AS ids FROM ${schema}.tasker_annotation_types`,
  );
  await insert(
    'tasker_task_annotations',
    notes.map(({ task, name, note }) => ({
      task_id: Number(task.id),
      annotation_type_id: rows[0]?.ids?.[name],
      annotation: note,
      ...times,
    })),
  );
}

const stepIdOf = (task: RubyTask, place: number): number => Number(task.id) * 100 + place;

async function ids(
  on: Pool | ClientBase,
  schema: string,
): Promise<{ workflows: Record<string, number>; steps: Record<string, number> }> {
  const { rows } = await on.query<{ workflows: Record<string, number>; steps: Record<string, number> }>(
    `SELECT (SELECT jsonb_object_agg(name, named_task_id) FROM ${schema}.tasker_named_tasks) AS workflows,
       (SELECT jsonb_object_agg(name, named_step_id) FROM ${schema}.tasker_named_steps) AS steps`,
  );
  return rows[0] as (typeof rows)[0];
}

/** A context is JSON already, which may have numbers that JavaScript cannot hold. */
function textOf(record: object): string {
  const members = Object.entries(record).map(([key, value]) => {
    const text = key === 'context' && typeof value === 'string' ? value : JSON.stringify(value ?? null);
    return `${JSON.stringify(key)}: ${text}`;
  });
  return `{${members.join(', ')}}`;
}
