import { type Kysely, sql } from 'kysely';
import type { Page } from './pages.ts';

const DONE = `('complete', 'resolved_manually')`;
const FINAL = `('complete', 'resolved_manually', 'cancelled')`;

interface History {
  table: string;
  keys: readonly string[];
  /** Whether a row of `judged` counts; the others go to metadata.collapsed of the last that does. */
  counts: string;
}

const HISTORIES: readonly History[] = [
  {
    table: 'tasker.tasker_workflow_step_transitions',
    keys: ['task_id', 'workflow_step_id'],
    // A step that was done stays done, whatever was written after it: it must never run again.
    counts: `j.done_before = 0 AND (j.to_state <> 'cancelled' OR j.is_last)`,
  },
  {
    table: 'tasker.tasker_task_transitions',
    keys: ['task_id'],
    // Tasker (Ruby) allows complete tasks to be cancelled: the newest final state counts.
    counts: `j.to_state NOT IN ${FINAL} OR j.is_last`,
  },
];

/**
 * Rewrites the histories of a page of tasks that do not have the engine's form; the others are not changed. Tasker (Ruby)
 * left from_state empty, counted sort keys in tens or from 0, began with a row `pending`, and without its unique index could
 * have several most recent rows or none. For the engine's statements the row's own sort key is the number of its last
 * transition, 0 for none: a history of another form would get a second most recent row at the first claim.
 *
 * Afterwards sort keys are 1 to n, each row starts where the one before it ended, the first starts at `pending`, the last and
 * no other is most recent, and nothing follows a final state. The newest row by sort key counts. Repeated states, a `pending`
 * at the beginning, and a final state that is followed by another (of a step: everything after its first completion) are
 * removed; rows other than `pending` are kept in the metadata of the last row.
 */
export async function repairHistories(db: Kysely<unknown>, page: Page): Promise<void> {
  for (const history of HISTORIES) await repair(db, history, page);
}

async function repair(db: Kysely<unknown>, { table, keys, counts }: History, { from, to }: Page): Promise<void> {
  const of = (alias: string): string => keys.map((key) => `${alias}.${key}`).join(', ');
  const on = (a: string, b: string): string => keys.map((key) => `${a}.${key} = ${b}.${key}`).join(' AND ');
  const inOrder = (alias: string): string => `(PARTITION BY ${of(alias)} ORDER BY ${alias}.sort_key)`;
  // The deleted rows are sorted before the first is inserted, so that a key may be used again.
  await sql`
    WITH numbered AS MATERIALIZED (
      SELECT ${sql.raw(of('x'))}, x.sort_key, x.from_state, x.to_state, x.most_recent,
        row_number() OVER w AS place,
        lag(x.to_state, 1, 'pending') OVER w AS before,
        lead(x.sort_key) OVER w IS NULL AS is_last
      FROM ${sql.raw(table)} x
      WHERE x.task_id BETWEEN ${from} AND ${to}
      WINDOW w AS ${sql.raw(inOrder('x'))}
    ), odd AS MATERIALIZED (
      SELECT DISTINCT ${sql.raw(of('n'))}
      FROM numbered n
      WHERE n.sort_key <> n.place OR n.most_recent <> n.is_last OR n.from_state IS DISTINCT FROM n.before
        OR n.to_state = n.before OR n.before IN ${sql.raw(FINAL)}
    ), removed AS (
      DELETE FROM ${sql.raw(table)} x USING odd o WHERE ${sql.raw(on('x', 'o'))} AND x.task_id BETWEEN ${from} AND ${to}
      RETURNING x.*
    ), judged AS MATERIALIZED (
      SELECT r.*, lead(r.sort_key) OVER w IS NULL AS is_last,
        count(*) FILTER (WHERE r.to_state IN ${sql.raw(DONE)})
          OVER (PARTITION BY ${sql.raw(of('r'))} ORDER BY r.sort_key ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS done_before
      FROM removed r
      WINDOW w AS ${sql.raw(inOrder('r'))}
    ), changes AS (
      SELECT j.*, lag(j.to_state, 1, 'pending') OVER w AS before
      FROM judged j
      WHERE ${sql.raw(counts)}
      WINDOW w AS ${sql.raw(inOrder('j'))}
    ), kept AS MATERIALIZED (
      SELECT ${sql.raw(of('c'))}, c.sort_key, c.to_state, c.metadata, c.created_at, c.cause, c.claim_id, c.worker_id,
        row_number() OVER w AS place,
        lag(c.to_state, 1, 'pending') OVER w AS from_state,
        lead(c.sort_key) OVER w IS NULL AS most_recent
      FROM changes c
      WHERE c.to_state <> c.before
      WINDOW w AS ${sql.raw(inOrder('c'))}
    ), collapsed AS MATERIALIZED (
      SELECT ${sql.raw(of('j'))}, jsonb_agg(
        jsonb_build_object('sort_key', j.sort_key, 'to_state', j.to_state, 'created_at', j.created_at, 'metadata', j.metadata)
        ORDER BY j.sort_key) AS rows
      FROM judged j
      LEFT JOIN kept k ON ${sql.raw(on('k', 'j'))} AND k.sort_key = j.sort_key
      WHERE k.task_id IS NULL AND j.to_state <> 'pending'
      GROUP BY ${sql.raw(of('j'))}
    )
    INSERT INTO ${sql.raw(table)}
      (${sql.raw(keys.join(', '))}, sort_key, from_state, to_state, most_recent, metadata, created_at, cause, claim_id, worker_id)
    SELECT ${sql.raw(of('k'))}, k.place, k.from_state, k.to_state, k.most_recent,
      CASE
        WHEN NOT k.most_recent OR d.rows IS NULL THEN k.metadata
        WHEN jsonb_typeof(k.metadata) = 'object' THEN k.metadata || jsonb_build_object('collapsed', d.rows)
        ELSE jsonb_strip_nulls(jsonb_build_object('metadata', k.metadata)) || jsonb_build_object('collapsed', d.rows)
      END,
      k.created_at, coalesce(k.cause, 'inherited'), k.claim_id, k.worker_id
    FROM kept k
    LEFT JOIN collapsed d ON ${sql.raw(on('d', 'k'))}`.execute(db);
}
