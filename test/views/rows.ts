import type { ClientBase } from 'pg';

/** One entry of a history: the new state, how long ago, and the cause (null: as Tasker (Ruby) wrote it). */
export interface Event {
  to: string;
  secondsAgo: number;
  cause?: string | null;
}

/** The row and the history of a step. Absent fields have the values of a new step. */
export interface StepRows {
  /** 1-based; the id is task id * 65536 + ordinal. */
  ordinal: number;
  /** Ordinals of the parents. */
  parents?: number[];
  history?: Event[];
  attempts?: number | null;
  retryLimit?: number | null;
  retryable?: boolean;
  inProcess?: boolean;
  processed?: boolean;
  backoffRequestSeconds?: number | null;
  /** Seconds ago. */
  lastAttempted?: number | null;
  /** The engine's columns; absent for rows as Tasker (Ruby) wrote them. */
  engine?: {
    unmetParents: number;
    ready?: boolean;
    /** Seconds from now; negative: due. */
    nextRetryIn?: number;
    /** Seconds ago. */
    blocked?: number;
  };
}

export interface TaskRows {
  taskId: string;
  history?: Event[];
  steps: StepRows[];
}

/** Registers a workflow and `steps` step names by plain statements, which work with every version of the schema. */
export async function registerTypes(client: ClientBase, steps = 12): Promise<void> {
  await client.query(`INSERT INTO tasker.tasker_task_namespaces (name) VALUES ('views')`);
  await client.query(
    `INSERT INTO tasker.tasker_named_tasks (task_namespace_id, name, version)
     SELECT task_namespace_id, 'random', '1.0.0' FROM tasker.tasker_task_namespaces WHERE name = 'views'`,
  );
  await client.query(
    `INSERT INTO tasker.tasker_named_steps (name) SELECT 'step_' || n FROM generate_series(1, $1::integer) AS n`,
    [steps],
  );
}

/**
 * Writes tasks with their steps, edges and histories as given, consistent or not. jsonb_populate_recordset leaves out columns that
 * the current schema does not have. Times count from the transaction's now().
 */
export async function insertTasks(client: ClientBase, tasks: readonly TaskRows[]): Promise<void> {
  const { rows } = await client.query<{ now: Date; named_task_id: number; ids: Record<string, number> }>(
    `SELECT now() AS now, (SELECT max(named_task_id) FROM tasker.tasker_named_tasks WHERE name = 'random') AS named_task_id,
       (SELECT jsonb_object_agg(name, named_step_id) FROM tasker.tasker_named_steps) AS ids`,
  );
  const { now, named_task_id: namedTaskId, ids } = rows[0] as (typeof rows)[0];
  const ago = (seconds: number): string => new Date(now.getTime() - seconds * 1000).toISOString();

  const insert = (table: string, records: object[]): Promise<unknown> =>
    client.query(
      `INSERT INTO tasker.${table} SELECT * FROM jsonb_populate_recordset(NULL::tasker.${table}, $1::jsonb)`,
      [JSON.stringify(records)],
    );
  const transitions = (key: object, history: readonly Event[] = []): object[] =>
    history.map((event, index) => ({
      ...key,
      sort_key: index + 1,
      from_state: index === 0 ? 'pending' : history[index - 1]?.to,
      to_state: event.to,
      most_recent: index === history.length - 1,
      cause: event.cause === undefined ? 'test' : event.cause,
      created_at: ago(event.secondsAgo),
    }));
  const stateOf = (history: readonly Event[] = []): string => history.at(-1)?.to ?? 'pending';
  const done = (state: string): boolean => state === 'complete' || state === 'resolved_manually';

  await insert(
    'tasker_tasks',
    tasks.map((task) => {
      const state = stateOf(task.history);
      const sinks = task.steps.filter((step) => !task.steps.some((other) => other.parents?.includes(step.ordinal)));
      return {
        task_id: task.taskId,
        named_task_id: namedTaskId,
        complete: done(state),
        requested_at: ago(3600),
        context: {},
        identity_hash: `views ${task.taskId}`,
        state,
        sort_key: task.history?.length ?? 0,
        priority: 0,
        unfinished_sinks: sinks.filter((step) => !done(stateOf(step.history))).length,
      };
    }),
  );
  await insert(
    'tasker_task_transitions',
    tasks.flatMap((task) => transitions({ task_id: task.taskId }, task.history)),
  );
  await insert(
    'tasker_workflow_step_edges',
    tasks.flatMap((task) =>
      task.steps.flatMap((step) =>
        (step.parents ?? []).map((parent) => ({
          task_id: task.taskId,
          from_step_id: stepId(task.taskId, parent),
          to_step_id: stepId(task.taskId, step.ordinal),
          name: 'provides',
        })),
      ),
    ),
  );
  await insert(
    'tasker_workflow_step_transitions',
    tasks.flatMap((task) =>
      task.steps.flatMap((step) =>
        transitions({ task_id: task.taskId, workflow_step_id: stepId(task.taskId, step.ordinal) }, step.history),
      ),
    ),
  );
  await insert(
    'tasker_workflow_steps',
    tasks.flatMap((task) =>
      task.steps.map((step) => {
        const { engine } = step;
        const state = stateOf(step.history);
        const claimed = engine !== undefined && state === 'in_progress';
        return {
          task_id: task.taskId,
          workflow_step_id: stepId(task.taskId, step.ordinal),
          named_step_id: ids[`step_${step.ordinal}`],
          retryable: step.retryable ?? true,
          retry_limit: step.retryLimit === undefined ? 3 : step.retryLimit,
          in_process: step.inProcess ?? claimed,
          processed: step.processed ?? (engine === undefined ? state === 'complete' : done(state)),
          attempts: step.attempts === undefined ? 0 : step.attempts,
          last_attempted_at: typeof step.lastAttempted === 'number' ? ago(step.lastAttempted) : null,
          backoff_request_seconds: step.backoffRequestSeconds ?? null,
          skippable: false,
          named_task_id: engine === undefined ? 0 : namedTaskId,
          queue: 'default',
          priority: 0,
          state: engine === undefined ? 'pending' : state,
          sort_key: engine === undefined ? 0 : (step.history?.length ?? 0),
          total_parents: engine === undefined ? 0 : (step.parents?.length ?? 0),
          unmet_parents: engine?.unmetParents ?? 0,
          children: task.steps
            .filter((other) => engine !== undefined && other.parents?.includes(step.ordinal))
            .map((other) => stepId(task.taskId, other.ordinal)),
          ready_at: engine?.ready === true ? ago(0) : null,
          next_retry_at: engine?.nextRetryIn === undefined ? null : ago(-engine.nextRetryIn),
          blocked_at: engine?.blocked === undefined ? null : ago(engine.blocked),
          claim_id: claimed ? '00000000-0000-4000-8000-000000000001' : null,
          claimed_by: claimed ? '1' : null,
          task_blocked: false,
        };
      }),
    ),
  );
}

export function stepId(taskId: string, ordinal: number): string {
  return (BigInt(taskId) * 65_536n + BigInt(ordinal)).toString();
}
