import type { Database } from '../../src/db/connections/database.ts';
import { rows } from './rows.ts';

/**
 * Logs each change of what an explanation is about, with the transaction that made it: so the audit knows to the row what a snapshot saw. What a change
 * was is in the engine's history; only what the history does not have is logged beside it. Rows of the log are never changed.
 */
export const CHANGE_LOG = `
CREATE TABLE chaos.step_changes (
  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  task_id bigint NOT NULL,
  step_id bigint NOT NULL,
  sort_key integer NOT NULL,
  retry_limit integer NOT NULL,
  next_retry_at timestamptz,
  ready_at timestamptz,
  queue text NOT NULL,
  changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  xid xid8 NOT NULL DEFAULT pg_current_xact_id()
);
CREATE INDEX ON chaos.step_changes (task_id);
CREATE TABLE chaos.task_changes (
  task_id bigint NOT NULL,
  sort_key integer NOT NULL,
  xid xid8 NOT NULL DEFAULT pg_current_xact_id()
);
CREATE INDEX ON chaos.task_changes (task_id);
-- Of the processes, what they serve, and the pauses: small tables, with whole rows.
CREATE TABLE chaos.row_changes (
  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  relation text NOT NULL,
  row jsonb NOT NULL,
  gone boolean NOT NULL,
  changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  xid xid8 NOT NULL DEFAULT pg_current_xact_id()
);
CREATE FUNCTION chaos.keep_step() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  INSERT INTO chaos.step_changes (task_id, step_id, sort_key, retry_limit, next_retry_at, ready_at, queue)
  VALUES (NEW.task_id, NEW.workflow_step_id, NEW.sort_key, NEW.retry_limit, NEW.next_retry_at, NEW.ready_at, NEW.queue);
  RETURN NULL;
END $$;
CREATE FUNCTION chaos.keep_task() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  INSERT INTO chaos.task_changes (task_id, sort_key) VALUES (NEW.task_id, NEW.sort_key);
  RETURN NULL;
END $$;
CREATE FUNCTION chaos.keep_row() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  INSERT INTO chaos.row_changes (relation, row, gone) VALUES (TG_TABLE_NAME, to_jsonb(coalesce(NEW, OLD)), NEW IS NULL);
  RETURN NULL;
END $$;
CREATE TRIGGER chaos_step_born AFTER INSERT ON tasker.tasker_workflow_steps
  FOR EACH ROW EXECUTE FUNCTION chaos.keep_step();
CREATE TRIGGER chaos_step_moved AFTER UPDATE ON tasker.tasker_workflow_steps
  FOR EACH ROW WHEN (
    (OLD.sort_key, OLD.retry_limit, OLD.next_retry_at, OLD.ready_at, OLD.queue)
      IS DISTINCT FROM (NEW.sort_key, NEW.retry_limit, NEW.next_retry_at, NEW.ready_at, NEW.queue)
  ) EXECUTE FUNCTION chaos.keep_step();
CREATE TRIGGER chaos_task_moved AFTER UPDATE ON tasker.tasker_tasks
  FOR EACH ROW WHEN (OLD.sort_key IS DISTINCT FROM NEW.sort_key) EXECUTE FUNCTION chaos.keep_task();
${['tasker_workers', 'tasker_worker_workflows', 'tasker_pauses']
  .map(
    (table) => `CREATE TRIGGER chaos_row AFTER INSERT OR UPDATE OR DELETE ON tasker.${table}
  FOR EACH ROW EXECUTE FUNCTION chaos.keep_row();`,
  )
  .join('\n')}`;

/** The transactions that a snapshot saw, from its text `xmin:xmax:in progress`. */
export class SeenTransactions {
  private readonly first: bigint;
  private readonly end: bigint;
  private readonly running: ReadonlySet<string>;

  constructor(snapshot: string) {
    const [first = '0', end = '0', running = ''] = snapshot.split(':');
    this.first = BigInt(first);
    this.end = BigInt(end);
    this.running = new Set(running.split(','));
  }

  /** A transaction that is in the log has committed, so it was seen unless it began later or was under way. */
  has(xid: string): boolean {
    const id = BigInt(xid);
    return id < this.first || (id < this.end && !this.running.has(xid));
  }
}

/** What a transaction wrote, the last of it that was seen. */
export const lastSeen = <Change extends { xid: string }>(
  changes: readonly Change[],
  seen: SeenTransactions,
): Change | undefined => changes.findLast(({ xid }) => seen.has(xid));

export interface StepChange {
  sortKey: number;
  retryLimit: number;
  nextRetryAt: Date | null;
  readyAt: Date | null;
  queue: string;
  changedAt: Date;
  xid: string;
}

/** A row of the history, with what explanations repeat of it. */
export interface Transition {
  sortKey: number;
  to: string;
  cause: string | null;
  at: Date;
  workerId: string | null;
  errorName: string | null;
}

export interface StepLog {
  id: string;
  name: string;
  namedTaskId: number;
  parents: string[];
  history: Transition[];
  changes: StepChange[];
}

export interface TaskLog {
  namespace: string;
  workflow: string;
  version: string;
  history: Transition[];
  changes: { sortKey: number; xid: string }[];
  /** By name. */
  steps: Map<string, StepLog>;
}

interface RowChange<Row> {
  row: Row;
  gone: boolean;
  atMs: number;
  xid: string;
}

/** Columns of a process; times as PostgreSQL writes them. */
export interface WorkerRow {
  worker_id: number;
  role: string;
  queues: string[];
  slots: number;
  draining: boolean;
  started_at: string;
  heartbeat_at: string;
  lease_seconds: number;
  lease_expires_at: string;
  stopped_at: string | null;
}

export interface ServedRow {
  worker_id: number;
  namespace: string;
  name: string;
  version: string;
  named_task_id: number | null;
  problem: string | null;
}

export interface PauseRow {
  kind: 'queue' | 'workflow';
  name: string;
  by: string;
  reason: string | null;
  paused_at: string;
  until: string | null;
}

/** Everything that changed, by what it is a change of. */
export interface ChangeLog {
  tasks: Map<string, TaskLog>;
  workers: RowChange<WorkerRow>[][];
  served: RowChange<ServedRow>[][];
  pauses: RowChange<PauseRow>[][];
}

/** What is known of these tasks, and of the whole fleet. Tasks that were removed since are missing. */
export async function readChangeLog(db: Database, taskIds: readonly string[]): Promise<ChangeLog> {
  const tasks = new Map<string, TaskLog>();
  const steps = new Map<string, StepLog>();
  for (const { id, ...task } of await rows<{ id: string; namespace: string; workflow: string; version: string }>(
    db,
    `SELECT t.task_id::text AS id, n.name AS namespace, k.name AS workflow, k.version FROM tasker.tasker_tasks t
     JOIN tasker.tasker_named_tasks k USING (named_task_id) JOIN tasker.tasker_task_namespaces n USING (task_namespace_id)
     WHERE t.task_id = ANY ($1::bigint[])`,
    [taskIds],
  ))
    tasks.set(id, { ...task, history: [], changes: [], steps: new Map() });
  const ids = [...tasks.keys()];
  const read = <Row extends object>(text: string): Promise<Row[]> => rows<Row>(db, text, [ids]);
  for (const { task, ...step } of await read<{ task: string; id: string; name: string; namedTaskId: number }>(
    `SELECT s.task_id::text AS task, s.workflow_step_id::text AS id, n.name, s.named_task_id AS "namedTaskId"
     FROM tasker.tasker_workflow_steps s JOIN tasker.tasker_named_steps n USING (named_step_id)
     WHERE s.task_id = ANY ($1::bigint[]) ORDER BY s.workflow_step_id`,
  )) {
    const log: StepLog = { ...step, parents: [], history: [], changes: [] };
    steps.set(step.id, log);
    tasks.get(task)?.steps.set(step.name, log);
  }
  for (const { parent, child } of await read<{ parent: string; child: string }>(
    `SELECT from_step_id::text AS parent, to_step_id::text AS child FROM tasker.tasker_workflow_step_edges WHERE task_id = ANY ($1::bigint[])`,
  ))
    steps.get(child)?.parents.push(parent);
  const columns = `sort_key AS "sortKey", to_state AS "to", cause, created_at AS at, worker_id::text AS "workerId",
    metadata #>> '{error,name}' AS "errorName"`;
  for (const { step, ...transition } of await read<Transition & { step: string }>(
    `SELECT workflow_step_id::text AS step, ${columns} FROM tasker.tasker_workflow_step_transitions
     WHERE task_id = ANY ($1::bigint[]) ORDER BY workflow_step_id, sort_key`,
  ))
    steps.get(step)?.history.push(transition);
  for (const { task, ...transition } of await read<Transition & { task: string }>(
    `SELECT task_id::text AS task, ${columns} FROM tasker.tasker_task_transitions WHERE task_id = ANY ($1::bigint[]) ORDER BY task_id, sort_key`,
  ))
    tasks.get(task)?.history.push(transition);
  for (const { step, ...change } of await read<StepChange & { step: string }>(
    `SELECT step_id::text AS step, sort_key AS "sortKey", retry_limit AS "retryLimit", next_retry_at AS "nextRetryAt", ready_at AS "readyAt",
       queue, changed_at AS "changedAt", xid::text FROM chaos.step_changes WHERE task_id = ANY ($1::bigint[]) ORDER BY number`,
  ))
    steps.get(step)?.changes.push(change);
  for (const { task, ...change } of await read<{ task: string; sortKey: number; xid: string }>(
    `SELECT task_id::text AS task, sort_key AS "sortKey", xid::text FROM chaos.task_changes WHERE task_id = ANY ($1::bigint[]) ORDER BY sort_key`,
  ))
    tasks.get(task)?.changes.push(change);
  return {
    tasks,
    workers: await rowChanges<WorkerRow>(db, 'tasker_workers', ({ worker_id: id }) => String(id)),
    served: await rowChanges<ServedRow>(db, 'tasker_worker_workflows', (row) =>
      [row.worker_id, row.namespace, row.name, row.version].join(' '),
    ),
    pauses: await rowChanges<PauseRow>(db, 'tasker_pauses', ({ kind, name }) => `${kind} ${name}`),
  };
}

/** For each row of a table, its changes in order. */
async function rowChanges<Row extends object>(
  db: Database,
  relation: string,
  keyOf: (row: Row) => string,
): Promise<RowChange<Row>[][]> {
  const changes = await rows<RowChange<Row>>(
    db,
    `SELECT row, gone, extract(epoch FROM changed_at)::float8 * 1000 AS "atMs", xid::text FROM chaos.row_changes WHERE relation = $1 ORDER BY number`,
    [relation],
  );
  return [...Map.groupBy(changes, ({ row }) => keyOf(row)).values()];
}

/** The rows that a snapshot saw. */
export function rowsSeen<Row>(changes: readonly RowChange<Row>[][], seen: SeenTransactions): Row[] {
  return changes.flatMap((ofOne) => {
    const last = lastSeen(ofOne, seen);
    return last === undefined || last.gone ? [] : [last.row];
  });
}
