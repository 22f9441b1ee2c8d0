import { type Kysely, sql } from 'kysely';

export interface Refusal {
  /** What the rows are, as the text after their number: "rows of tasker_tasks have no steps". */
  what: string;
  /** Selects the keys of the rows. */
  query: string;
  fix: string;
}

/** Rows that a message names; the statement in it shows the rest. */
const NAMED = 5;

/** Throws if the query finds rows. The message has their number, the first of them, the statement that shows all, and the fix. */
export async function refuseRows(db: Kysely<unknown>, refusal: Refusal): Promise<void> {
  const message = await describeRows(db, refusal);
  if (message !== undefined) throw new Error(message);
}

/** The message of `refuseRows`; undefined if the query finds nothing. */
export async function describeRows(db: Kysely<unknown>, { what, query, fix }: Refusal): Promise<string | undefined> {
  const { rows } = await sql<{ found: string; first: Record<string, unknown>[] | null }>`
    WITH found AS MATERIALIZED (${sql.raw(query)})
    SELECT count(*) AS found, (SELECT jsonb_agg(f) FROM (SELECT * FROM found ORDER BY 1 LIMIT ${sql.lit(NAMED)}) f) AS first
    FROM found`.execute(db);
  const { found, first } = rows[0] ?? { found: '0', first: null };
  if (first === null) return undefined;
  const named = first.map((row) =>
    Object.entries(row)
      .map(([column, value]) => `${column} ${String(value)}`)
      .join(', '),
  );
  const which = Number(found) > first.length ? `the first are ${named.join('; ')}` : named.join('; ');
  return `${found} ${what} (${which}): ${fix}. The rows: ${query.replaceAll(/\s+/g, ' ').trim()}`;
}

const STATES = `('pending', 'in_progress', 'complete', 'error', 'cancelled', 'resolved_manually')`;

/**
 * Rows from which the engine's columns cannot be computed, and which no constraint of the first schema refused. Checked
 * before anything is changed, so that a refusal leaves the database as it was, with its processes at work.
 */
export async function refuseUnusable(db: Kysely<unknown>): Promise<void> {
  await refuseRows(db, {
    what: 'rows of tasker_workflow_steps have a task_id that is not in tasker_tasks',
    query: `SELECT s.task_id, s.workflow_step_id FROM tasker.tasker_workflow_steps s
      WHERE NOT EXISTS (SELECT FROM tasker.tasker_tasks t WHERE t.task_id = s.task_id)`,
    fix: 'delete them, their edges and their transitions, then migrate again',
  });
  await refuseRows(db, {
    what: 'rows of tasker_workflow_step_edges have an end that is no step of their task',
    query: `SELECT e.task_id, e.from_step_id, e.to_step_id FROM tasker.tasker_workflow_step_edges e
      WHERE NOT EXISTS (
          SELECT FROM tasker.tasker_workflow_steps s WHERE s.task_id = e.task_id AND s.workflow_step_id = e.from_step_id)
        OR NOT EXISTS (
          SELECT FROM tasker.tasker_workflow_steps s WHERE s.task_id = e.task_id AND s.workflow_step_id = e.to_step_id)`,
    fix: 'delete them (a step that depends on a missing step would wait for ever), then migrate again',
  });
  for (const [table, key] of [
    ['tasker_workflow_step_transitions', 'x.task_id, x.workflow_step_id, x.sort_key'],
    ['tasker_task_transitions', 'x.task_id, x.sort_key'],
  ]) {
    await refuseRows(db, {
      what: `rows of ${table} have a state that the engine does not know`,
      query: `SELECT ${key}, x.to_state FROM tasker.${table} x WHERE x.to_state NOT IN ${STATES}`,
      fix: `set to_state to one of ${STATES.slice(1, -1)}, then migrate again`,
    });
  }
}
