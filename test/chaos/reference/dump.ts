import {
  type ClaimOwners,
  type Difference,
  replayTask,
  type StepRow,
  type TaskDump,
  type TaskRow,
  type Transition,
} from './model.ts';

export type Query = <Row extends object>(text: string, values?: unknown[]) => Promise<Row[]>;

export interface Replay {
  tasks: number;
  steps: number;
  transitions: number;
  differences: Difference[];
}

/** Tasks in memory at a time. */
const PAGE = 1000;
/** Differences of one kind beyond this number are dropped: a thousand have the same cause. */
const MAX_OF_A_KIND = 20;

/**
 * Replays every history in the database and returns the differences between it and the rows. Reads plain rows, a page of tasks at a
 * time; run it in one transaction with one snapshot.
 */
export async function replayAll(query: Query, page = PAGE): Promise<Replay> {
  const [setting] = await query<{ kept: boolean }>(`SELECT current_setting('track_commit_timestamp')::boolean AS kept`);
  const transition = `sort_key AS "sortKey", from_state AS "from", to_state AS "to", most_recent AS "mostRecent", cause,
    claim_id AS "claimId", worker_id AS "workerId", (extract(epoch FROM created_at) * 1000000)::float8 AS at,
    ${setting?.kept === true ? '(extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1000000)::float8' : 'NULL::float8'} AS "committedAt"`;
  const owners: ClaimOwners = new Map();
  const kinds = new Map<string, number>();
  const replay: Replay = { tasks: 0, steps: 0, transitions: 0, differences: [] };
  for (let after: string | null = '-1'; after !== null;) {
    // The last page has no end, so that rows that belong to no task are checked too.
    const [end]: { id: string }[] = await query<{ id: string }>(
      'SELECT task_id AS id FROM tasker.tasker_tasks WHERE task_id > $1 ORDER BY task_id OFFSET $2 LIMIT 1',
      [after, page],
    );
    const read = <Row extends object>(columns: string, table: string, order = 'task_id'): Promise<Row[]> =>
      query<Row>(
        `SELECT task_id AS task, ${columns} FROM tasker.${table}
         WHERE task_id > $1 AND ($2::bigint IS NULL OR task_id <= $2) ORDER BY ${order}`,
        [after, end?.id ?? null],
      );
    const dumps = new Map<string, TaskDump>();
    const of = (id: string): TaskDump => {
      let dump = dumps.get(id);
      if (dump === undefined) {
        dump = { id, task: undefined, transitions: [], steps: [], stepTransitions: new Map(), edges: [] };
        dumps.set(id, dump);
      }
      return dump;
    };
    for (const row of await read<TaskRow & { task: string }>(
      'state, sort_key AS "sortKey", complete, unfinished_sinks AS "unfinishedSinks", trace_context AS "traceContext"',
      'tasker_tasks',
    )) {
      of(row.task).task = row;
      replay.tasks += 1;
    }
    for (const row of await read<StepRow & { task: string }>(
      `workflow_step_id AS id, state, sort_key AS "sortKey", attempts, retry_limit AS "retryLimit", in_process AS "inProcess",
       processed, claim_id AS "claimId", unmet_parents AS "unmetParents", children::text[] AS children`,
      'tasker_workflow_steps',
    )) {
      of(row.task).steps.push(row);
      replay.steps += 1;
    }
    for (const row of await read<{ task: string; from: string; to: string }>(
      'from_step_id AS "from", to_step_id AS "to"',
      'tasker_workflow_step_edges',
    )) {
      of(row.task).edges.push(row);
    }
    for (const row of await read<Transition & { task: string }>(
      transition,
      'tasker_task_transitions',
      'task_id, sort_key',
    )) {
      of(row.task).transitions.push(row);
      replay.transitions += 1;
    }
    for (const row of await read<Transition & { task: string; step: string }>(
      `workflow_step_id AS step, ${transition}`,
      'tasker_workflow_step_transitions',
      'task_id, workflow_step_id, sort_key',
    )) {
      const histories = of(row.task).stepTransitions;
      const history = histories.get(row.step);
      if (history === undefined) histories.set(row.step, [row]);
      else history.push(row);
      replay.transitions += 1;
    }
    for (const dump of dumps.values()) {
      for (const difference of replayTask(dump, owners)) {
        const count = (kinds.get(difference.kind) ?? 0) + 1;
        kinds.set(difference.kind, count);
        if (count <= MAX_OF_A_KIND) replay.differences.push(difference);
      }
    }
    after = end?.id ?? null;
  }
  return replay;
}
