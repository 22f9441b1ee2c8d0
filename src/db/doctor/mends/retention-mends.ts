import { AGREES } from '../identity-checks.ts';
import { UNVISITED, WITHOUT_FIRST } from '../retention-checks.ts';
import { EDGES, type Mend, script, STEP_HISTORY, STEPS, TASK_HISTORY, TASKS } from './mend.ts';

const withoutTask = (table: string): string =>
  `DELETE FROM ${table} x WHERE NOT EXISTS (SELECT FROM ${TASKS} t WHERE t.task_id = x.task_id)`;

/** Mends of what removing tasks has left. */
export const retentionMends: Readonly<Record<string, Mend>> = {
  removed_as_a_whole: script(...[STEPS, EDGES, STEP_HISTORY, TASK_HISTORY].map(withoutTask)),
  retention_visits_every_task: script(`
INSERT INTO tasker.tasker_retention_blocks (first_task_id)
SELECT DISTINCT u.first_task_id FROM (${UNVISITED}) u
ON CONFLICT DO NOTHING`),
  // The earliest task that is left becomes the first one; keys of its steps that were not begun change with its hash.
  identity_first_task_kept: script(
    `
DELETE FROM tasker.tasker_identities d
WHERE NOT EXISTS (SELECT FROM ${TASKS} t WHERE t.task_id = d.task_id AND ${AGREES})`,
    `
WITH earliest AS MATERIALIZED (
  SELECT DISTINCT ON (w.identity_hash) w.identity_hash, w.generation, w.task_id
  FROM (${WITHOUT_FIRST}) w
  ORDER BY w.identity_hash, w.generation
), renamed AS (
  UPDATE ${TASKS} t SET identity_hash = e.identity_hash FROM earliest e WHERE t.task_id = e.task_id
)
UPDATE tasker.tasker_identities d SET generation = 1 FROM earliest e WHERE d.task_id = e.task_id`,
  ),
};
