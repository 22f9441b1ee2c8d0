import { AGREES, IS_LATER } from '../identity-checks.ts';
import { type Mend, script, TASKS } from './mend.ts';

/** The identity and the generation of the task `t`, from its own hash. */
const IDENTITY = `substring(t.identity_hash FROM '^(.*)~[0-9]+$')`;
const GENERATION = `substring(t.identity_hash FROM '~([0-9]+)$')::integer`;

/** Mends of identities that were used again. The tasks themselves have everything that the table says. */
export const identityMends: Readonly<Record<string, Mend>> = {
  identity_held_once: { command: 'tasker cancel <task>' },
  identity_generations_recorded: script(
    `
DELETE FROM tasker.tasker_identities d
WHERE NOT EXISTS (SELECT FROM ${TASKS} t WHERE t.task_id = d.task_id AND ${AGREES})`,
    `
INSERT INTO tasker.tasker_identities (identity_hash, generation, task_id)
SELECT ${IDENTITY}, ${GENERATION}, t.task_id FROM ${TASKS} t WHERE ${IS_LATER}
UNION
SELECT f.identity_hash, 1, f.task_id FROM ${TASKS} t JOIN ${TASKS} f ON f.identity_hash = ${IDENTITY} WHERE ${IS_LATER}
ON CONFLICT DO NOTHING`,
  ),
};
