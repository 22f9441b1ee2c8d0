import { defineStatement, rows } from '../../statement.ts';
import { ATTEMPT, heldBy } from '../rules/claim-fence.ts';

/** Of these attempts, those whose claim their worker no longer has (cancelled, recovered). */
export const findLostClaims = defineStatement<{ task_id: string; workflow_step_id: string; claim_id: string }>()({
  name: 'find_lost_claims',
  params: { steps: rows(ATTEMPT) },
  text: `
SELECT i.task_id, i.workflow_step_id, i.claim_id
FROM :steps AS i
LEFT JOIN tasker.tasker_workflow_steps s
  ON ${heldBy('s', 'i')}
WHERE s.task_id IS NULL`,
});

/** A claim of worker `:worker_id` that is not among `:known_claims`, those that the worker has in memory. */
export const isOrphaned = (claim: string): string =>
  `${claim}.worker_id = :worker_id AND ${claim}.claim_id <> ALL (:known_claims::uuid[])`;

/** Orphaned claims of a worker. Reads the whole, small table. */
export const findOrphanedClaims = defineStatement<{ claim_id: string }>()({
  name: 'find_claims',
  params: { worker_id: 'bigint', known_claims: 'uuid[]' },
  text: `
SELECT c.claim_id
FROM tasker.tasker_claims c
WHERE ${isOrphaned('c')}`,
});

/** Deletes claims all of whose steps have ended. */
export const closeClaims = defineStatement()({
  name: 'close_claims',
  params: { claim_ids: 'uuid[]' },
  text: `DELETE FROM tasker.tasker_claims WHERE claim_id = ANY (:claim_ids::uuid[])`,
});
