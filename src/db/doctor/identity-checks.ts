import { hashOfGeneration } from '../statements/rules/identity.ts';
import type { Check } from './check.ts';

/** Condition: the row `d` of tasker_identities is what its task `t` says. */
export const AGREES = `t.identity_hash = CASE d.generation WHEN 1 THEN d.identity_hash ELSE ${hashOfGeneration('d.identity_hash', 'd.generation')} END`;

/** Condition: the task `t` is of a generation from 2 on. */
export const IS_LATER = `t.identity_hash ~ '~[0-9]+$'`;

/** Invariants of identities that were used again. */
export const identityChecks: Check[] = [
  {
    id: 'identity_held_once',
    title: 'of the tasks of one identity only the latest may be pending or in progress',
    why: 'The same work would be done twice, under two idempotency keys. Cancel the earlier task.',
    sql: `SELECT d.task_id, d.identity_hash, d.generation FROM tasker.tasker_identities d
      JOIN tasker.tasker_tasks t ON t.task_id = d.task_id
      WHERE t.state IN ('pending', 'in_progress') AND EXISTS (
        SELECT FROM tasker.tasker_identities l WHERE l.identity_hash = d.identity_hash AND l.generation > d.generation)`,
  },
  {
    id: 'identity_generations_recorded',
    title: 'tasker_identities lists every task of an identity that was used again, under its own identity_hash',
    why: 'A submit would find an earlier task of this identity, and could create none.',
    sql: `SELECT d.task_id, d.identity_hash, d.generation FROM tasker.tasker_identities d
      LEFT JOIN tasker.tasker_tasks t ON t.task_id = d.task_id
      WHERE (${AGREES}) IS NOT TRUE
      UNION ALL
      SELECT t.task_id, t.identity_hash, NULL FROM tasker.tasker_tasks t
      WHERE ${IS_LATER} AND NOT EXISTS (SELECT FROM tasker.tasker_identities d WHERE d.task_id = t.task_id)`,
  },
];
