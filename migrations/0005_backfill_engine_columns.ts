import { type Kysely, sql } from 'kysely';

/** Batches commit one by one beside running writes, so this migration runs outside a transaction; it can be run again. */
export const config = { transaction: false };

const BATCH = 1000;

/**
 * Fills the engine's columns of rows that were there before them, a range of task ids at a time. What is computed from
 * transitions and edges is what the views of version 2 computed at every read.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`UPDATE tasker.tasker_workflow_steps SET retry_limit = 3 WHERE retry_limit IS NULL`.execute(db);
  const { rows } = await sql<{ low: string | null; high: string | null }>`
    SELECT min(task_id) AS low, max(task_id) AS high FROM tasker.tasker_tasks`.execute(db);
  const { low, high } = rows[0] ?? { low: null, high: null };
  if (low === null || high === null) return;
  for (let from = BigInt(low); from <= BigInt(high); from += BigInt(BATCH)) {
    await backfill(db, from.toString(), (from + BigInt(BATCH)).toString());
  }
}

/** Nothing to undo: the columns are dropped by the migration before this one. */
export async function down(): Promise<void> {}

async function backfill(db: Kysely<unknown>, from: string, to: string): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await sql`
      UPDATE tasker.tasker_workflow_steps s
      SET named_task_id = t.named_task_id,
          state = f.state,
          sort_key = f.sort_key,
          processed = f.state IN ('complete', 'resolved_manually'),
          in_process = false,
          claim_id = NULL,
          claimed_by = NULL,
          total_parents = f.total_parents,
          unmet_parents = f.unmet_parents,
          children = f.children,
          next_retry_at = CASE WHEN f.state = 'error' AND f.may_retry THEN f.due_at END,
          blocked_at = CASE WHEN f.state = 'error' AND NOT f.may_retry THEN coalesce(f.failed_at, clock_timestamp()) END,
          ready_at = CASE
            WHEN f.state = 'pending' AND f.unmet_parents = 0 AND f.may_retry AND f.task_open THEN clock_timestamp()
          END
      FROM tasker.tasker_tasks t,
        LATERAL (
          SELECT w.workflow_step_id,
            coalesce(c.to_state, 'pending') AS state,
            coalesce(c.sort_key, 0) AS sort_key,
            p.total_parents,
            p.unmet_parents,
            ARRAY(
              SELECT e.to_step_id FROM tasker.tasker_workflow_step_edges e
              WHERE e.task_id = w.task_id AND e.from_step_id = w.workflow_step_id ORDER BY e.to_step_id) AS children,
            w.attempts < w.retry_limit AND (w.attempts = 0 OR w.retryable) AS may_retry,
            l.failed_at,
            CASE
              WHEN w.backoff_request_seconds IS NOT NULL AND w.last_attempted_at IS NOT NULL
                THEN w.last_attempted_at + make_interval(secs => w.backoff_request_seconds)
              ELSE coalesce(l.failed_at, clock_timestamp()) + make_interval(secs => least(power(2, w.attempts), 30))
            END AS due_at,
            coalesce(k.to_state, 'pending') IN ('pending', 'in_progress') AS task_open
          FROM tasker.tasker_workflow_steps w
          LEFT JOIN tasker.tasker_workflow_step_transitions c
            ON c.task_id = w.task_id AND c.workflow_step_id = w.workflow_step_id AND c.most_recent
          LEFT JOIN tasker.tasker_task_transitions k ON k.task_id = w.task_id AND k.most_recent
          CROSS JOIN LATERAL (
            SELECT count(*)::integer AS total_parents,
              count(*) FILTER (WHERE q.to_state IS NULL OR q.to_state NOT IN ('complete', 'resolved_manually'))::integer
                AS unmet_parents
            FROM tasker.tasker_workflow_step_edges e
            LEFT JOIN tasker.tasker_workflow_step_transitions q
              ON q.task_id = e.task_id AND q.workflow_step_id = e.from_step_id AND q.most_recent
            WHERE e.task_id = w.task_id AND e.to_step_id = w.workflow_step_id
          ) p
          LEFT JOIN LATERAL (
            SELECT max(x.created_at) AS failed_at FROM tasker.tasker_workflow_step_transitions x
            WHERE x.task_id = w.task_id AND x.workflow_step_id = w.workflow_step_id AND x.to_state = 'error'
          ) l ON true
          WHERE w.task_id = t.task_id
        ) f
      WHERE t.task_id >= ${from} AND t.task_id < ${to}
        AND s.task_id = t.task_id AND s.workflow_step_id = f.workflow_step_id
        AND s.state <> 'in_progress'`.execute(trx);
    await orphanedAttempts(trx, from, to);
    await sql`
      UPDATE tasker.tasker_tasks t
      SET state = coalesce(k.to_state, 'pending'),
          sort_key = coalesce(k.sort_key, 0),
          complete = coalesce(k.to_state IN ('complete', 'resolved_manually'), false),
          completed_at = CASE WHEN k.to_state IN ('complete', 'resolved_manually', 'cancelled') THEN k.created_at END,
          unfinished_sinks = (
            SELECT count(*) FROM tasker.tasker_workflow_steps s
            WHERE s.task_id = t.task_id AND s.children = '{}' AND s.state NOT IN ('complete', 'resolved_manually'))
      FROM tasker.tasker_tasks b
      LEFT JOIN tasker.tasker_task_transitions k ON k.task_id = b.task_id AND k.most_recent
      WHERE t.task_id = b.task_id AND b.task_id >= ${from} AND b.task_id < ${to}`.execute(trx);
  });
}

/**
 * An attempt under way when the columns came: the ancestor has no claim that could be recovered, so the step goes back to
 * pending as released (the ancestor counts an attempt at its end, so none is spent).
 */
async function orphanedAttempts(db: Kysely<unknown>, from: string, to: string): Promise<void> {
  await sql`
    WITH flipped AS (
      UPDATE tasker.tasker_workflow_step_transitions t
      SET most_recent = false
      FROM tasker.tasker_workflow_steps s
      WHERE s.task_id >= ${from} AND s.task_id < ${to} AND s.state = 'in_progress' AND s.claim_id IS NULL
        AND t.task_id = s.task_id AND t.workflow_step_id = s.workflow_step_id AND t.most_recent
      RETURNING t.task_id, t.workflow_step_id, t.sort_key
    ), released AS (
      INSERT INTO tasker.tasker_workflow_step_transitions
        (task_id, workflow_step_id, sort_key, from_state, to_state, most_recent, cause)
      SELECT task_id, workflow_step_id, sort_key + 1, 'in_progress', 'pending', true, 'released' FROM flipped
    )
    UPDATE tasker.tasker_workflow_steps s
    SET state = 'pending', sort_key = f.sort_key + 1,
        ready_at = CASE WHEN s.unmet_parents = 0 AND s.attempts < s.retry_limit THEN clock_timestamp() END
    FROM flipped f
    WHERE s.task_id = f.task_id AND s.workflow_step_id = f.workflow_step_id`.execute(db);
}
