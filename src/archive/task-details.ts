import { exactTime } from '../exact-time.ts';
import type { StepRow } from '../db/reads/tasks.ts';
import type { TaskDetails } from '../reads/task.ts';
import { traceIdOf } from '../tracing/stored-context.ts';
import type { StoredError } from '../workflow/describe-thrown.ts';
import type { State } from '../workflow/states.ts';
import type { StoredOccurrence } from '../workflow/task-occurrence.ts';
import type { ArchivedDefinitions } from './object/index-entry.ts';

/** A line of an object: a row, with ids and times as texts, and without what is NULL. */
type Row = { readonly row: string; readonly task_id: string } & Readonly<Record<string, unknown>>;

const text = (row: Row, column: string): string | null => (row[column] as string | undefined) ?? null;
const number = (row: Row, column: string): number => row[column] as number;
const json = (row: Row, column: string): unknown => row[column] ?? null;
const time = (row: Row, column: string): Date | null => {
  const at = text(row, column);
  return at === null ? null : exactTime(at);
};

/** The lines of one task as what `client.getTask` returns of a task in the tables. */
export function taskDetails(
  lines: readonly string[],
  definitions: ArchivedDefinitions,
  neighbours: Pick<TaskDetails, 'superseded_by' | 'replaces'>,
): TaskDetails {
  const all = lines.map((line) => JSON.parse(line) as Row);
  const rows = (kind: string): Row[] => all.filter(({ row }) => row === kind);
  const task = rows('task')[0] as Row;
  const workflow = definitions.workflows.find(({ named_task_id: id }) => id === task['named_task_id']);
  const stepNames = new Map(definitions.step_names.map((step) => [step.named_step_id, step.name]));
  const steps = rows('step');
  const nameOf = new Map(
    steps.map((step) => [text(step, 'workflow_step_id'), stepNames.get(number(step, 'named_step_id')) ?? '']),
  );
  const edges = rows('edge');
  const history = rows('step_transition');
  return {
    task_id: task.task_id,
    namespace: workflow?.namespace ?? '',
    workflow: workflow?.name ?? '',
    version: workflow?.version ?? '',
    state: task['state'] as State,
    priority: number(task, 'priority'),
    requested_at: time(task, 'requested_at') as Date,
    completed_at: time(task, 'completed_at'),
    initiator: text(task, 'initiator'),
    source_system: text(task, 'source_system'),
    reason: text(task, 'reason'),
    tags: json(task, 'tags') as string[] | null,
    schedule: json(task, 'schedule') as StoredOccurrence | null,
    context: json(task, 'context'),
    identity_hash: text(task, 'identity_hash') as string,
    trace_id: traceIdOf(text(task, 'trace_context')),
    ...neighbours,
    steps: steps.map((step) => {
      const id = text(step, 'workflow_step_id');
      const parents = edges.filter((edge) => edge['to_step_id'] === id).map((edge) => text(edge, 'from_step_id'));
      const failures = history.filter((row) => row['workflow_step_id'] === id && row['to_state'] === 'error');
      const row = stepRow(step, nameOf.get(id) ?? '', {
        parents: parents.map((parent) => nameOf.get(parent) ?? ''),
        last_error: errorOf(failures.at(-1)),
      });
      return { ...row, allowed_actions: [] };
    }),
    // It has ended.
    allowed_actions: [],
  };
}

function stepRow(step: Row, name: string, rest: Pick<StepRow, 'parents' | 'last_error'>): StepRow {
  return {
    workflow_step_id: text(step, 'workflow_step_id') as string,
    name,
    state: step['state'] as State,
    queue: text(step, 'queue') as string,
    attempts: number(step, 'attempts'),
    retry_limit: number(step, 'retry_limit'),
    retryable: step['retryable'] as boolean,
    ready: step['ready_at'] !== undefined,
    unmet_parents: number(step, 'unmet_parents'),
    next_retry_at: time(step, 'next_retry_at'),
    blocked_at: time(step, 'blocked_at'),
    last_attempted_at: time(step, 'last_attempted_at'),
    processed_at: time(step, 'processed_at'),
    claimed_by: text(step, 'claimed_by'),
    results: json(step, 'results'),
    ...rest,
  };
}

function errorOf(transition: Row | undefined): StoredError | null {
  const metadata = transition?.['metadata'] as { error?: StoredError } | null | undefined;
  return metadata?.error ?? null;
}
