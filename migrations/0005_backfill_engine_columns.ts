import { type Kysely, sql } from 'kysely';
import { addWriteGuards, dropWriteGuards } from './support/write-guards.ts';
import { repairHistories } from './support/histories.ts';
import {
  blockCancelledSteps,
  bypassIsHonoured,
  clearBypass,
  historiesFromFlags,
  honourBypass,
} from './support/inherit.ts';
import { normalizeSteps, normalizeTasks } from './support/normalize.ts';
import { type Page, taskPages } from './support/pages.ts';
import { refuseUnusable } from './support/refusals.ts';

/** Batches commit one by one beside running reads, so this migration runs outside a transaction; it can be run again. */
export const config = { transaction: false };

/**
 * Fills the engine's columns of existing rows, a page of tasks at a time. The values are computed from transitions and edges
 * as the views of version 2 computed them at every read, after the histories have got the engine's form and contain what only
 * flags recorded before.
 *
 * Processes of Tasker (Ruby) do not fill these columns: a step that they create or move from now on would be wrong for ever,
 * unnoticed. So the write guards come first: each write of such a process then fails with the name of the constraint, and
 * nothing changes during the backfill. Its reads go on working. Rows that cannot be filled are refused before that, and again
 * afterwards, for rows that were written in between.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await refuseUnusable(db);
  await addWriteGuards(db);
  await refuseUnusable(db);
  const keepsBypass = await bypassIsHonoured(db);
  for await (const page of taskPages(db)) {
    await db.transaction().execute(async (trx) => {
      await repairHistories(trx, page);
      await historiesFromFlags(trx, page);
      await mirrorTasks(trx, page);
      await blockCancelledSteps(trx, page);
      await fillSteps(trx, page);
      if (!keepsBypass) await clearBypass(trx, page);
      await normalizeSteps(trx, page);
      await normalizeTasks(trx, page);
    });
  }
  await honourBypass(db);
  await sql`ALTER TABLE tasker.tasker_workflow_steps VALIDATE CONSTRAINT steps_named_task_known`.execute(db);
}

/** The columns are dropped by the migration before this one; their values are computed again on the way up. */
export async function down(db: Kysely<unknown>): Promise<void> {
  await dropWriteGuards(db);
}

async function mirrorTasks(db: Kysely<unknown>, { from, to }: Page): Promise<void> {
  await sql`
    UPDATE tasker.tasker_tasks t
    SET state = coalesce(k.to_state, 'pending'),
        sort_key = coalesce(k.sort_key, 0),
        complete = coalesce(k.to_state IN ('complete', 'resolved_manually'), false),
        completed_at = CASE WHEN k.to_state IN ('complete', 'resolved_manually', 'cancelled') THEN k.created_at END
    FROM tasker.tasker_tasks b
    LEFT JOIN tasker.tasker_task_transitions k ON k.task_id = b.task_id AND k.most_recent
    WHERE t.task_id = b.task_id AND b.task_id BETWEEN ${from} AND ${to}`.execute(db);
}

/**
 * An error with attempts left waits for its retry only in a task that is still going on. In a task that Tasker (Ruby) ended
 * in error everything waits for an operator: work that stood still for months must not start because of a migration. A step
 * that is not retryable has had its one attempt, whatever its counter is. Steps that this migration blocked stay blocked
 * (metadata.blocked) on a later way down and up.
 *
 * In Tasker (Ruby) a step can be done while a parent is open. Nothing of it waits for that parent any more, so it is none of its
 * children and has no unmet parents: otherwise the engine, which ends a task with its last sink, would end it over the open parent.
 */
async function fillSteps(db: Kysely<unknown>, { from, to }: Page): Promise<void> {
  await sql`
    UPDATE tasker.tasker_workflow_steps s
    SET named_task_id = t.named_task_id,
        retry_limit = f.retry_limit,
        state = f.state,
        sort_key = f.sort_key,
        processed = f.state IN ('complete', 'resolved_manually'),
        in_process = false,
        claim_id = NULL,
        claimed_by = NULL,
        total_parents = f.total_parents,
        unmet_parents = CASE WHEN f.done THEN 0 ELSE f.unmet_parents END,
        children = f.children,
        next_retry_at = CASE WHEN f.state = 'error' AND f.will_retry THEN f.due_at END,
        blocked_at = CASE
          WHEN f.state = 'error' AND NOT f.will_retry THEN coalesce(s.blocked_at, f.failed_at, clock_timestamp())
        END,
        ready_at = CASE
          WHEN f.state = 'pending' AND f.unmet_parents = 0 AND s.attempts < f.retry_limit AND (s.retryable OR s.attempts = 0)
            AND t.state IN ('pending', 'in_progress')
            THEN clock_timestamp()
        END
    FROM tasker.tasker_tasks t,
      LATERAL (
        SELECT w.workflow_step_id,
          greatest(coalesce(w.retry_limit, 3), w.attempts) AS retry_limit,
          coalesce(c.to_state, 'pending') AS state,
          coalesce(c.sort_key, 0) AS sort_key,
          d.done,
          p.total_parents,
          p.unmet_parents,
          ARRAY(
            SELECT e.to_step_id FROM tasker.tasker_workflow_step_edges e
            LEFT JOIN tasker.tasker_workflow_step_transitions h
              ON h.task_id = e.task_id AND h.workflow_step_id = e.to_step_id AND h.most_recent
            WHERE e.task_id = w.task_id AND e.from_step_id = w.workflow_step_id
              AND (d.done OR coalesce(h.to_state NOT IN ('complete', 'resolved_manually'), true))
            ORDER BY e.to_step_id) AS children,
          w.attempts < coalesce(w.retry_limit, 3) AND w.retryable AND w.blocked_at IS NULL AND p.unmet_parents = 0
            AND t.state IN ('pending', 'in_progress') AND coalesce(c.metadata -> 'blocked' <> 'true', true) AS will_retry,
          l.failed_at,
          CASE
            WHEN w.backoff_request_seconds IS NOT NULL AND w.last_attempted_at IS NOT NULL
              THEN w.last_attempted_at + make_interval(secs => w.backoff_request_seconds)
            ELSE coalesce(l.failed_at, clock_timestamp()) + make_interval(secs => least(power(2, least(w.attempts, 30)), 30))
          END AS due_at
        FROM tasker.tasker_workflow_steps w
        LEFT JOIN tasker.tasker_workflow_step_transitions c
          ON c.task_id = w.task_id AND c.workflow_step_id = w.workflow_step_id AND c.most_recent
        CROSS JOIN LATERAL (SELECT coalesce(c.to_state IN ('complete', 'resolved_manually'), false) AS done) d
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
    WHERE t.task_id BETWEEN ${from} AND ${to}
      AND s.task_id = t.task_id AND s.workflow_step_id = f.workflow_step_id`.execute(db);
}
