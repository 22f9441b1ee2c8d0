import type { Executor } from '../db/connections/database.ts';
import { adoptClaim, findEnded } from '../db/statements/claims/adopt-claim.ts';
import { closeClaims, findLostClaims, findOrphanedClaims } from '../db/statements/claims/claims.ts';
import { findRecovered } from '../db/statements/steps/traced-steps.ts';
import { attemptRow, type ClaimedStep, claimedStep, type StepClaim } from './claim.ts';

/** The steps of a claim whose response never arrived; empty if it did not commit or nothing of it is left. */
export async function adopt(db: Executor, claimId: string): Promise<ClaimedStep[]> {
  return (await db.run(adoptClaim, { claim_id: claimId })).map((row) => claimedStep(row, claimId));
}

/** Of attempts whose end was written with an unknown outcome: those that did end, by step id. */
export async function endedAttempts(db: Executor, steps: readonly StepClaim[]): Promise<Set<string>> {
  const rows = await db.run(findEnded, { steps: steps.map(attemptRow) });
  return new Set(rows.map((row) => row.workflow_step_id));
}

/** Whether a recovery has ended this attempt, whose claim was lost. */
export async function wasRecovered(db: Executor, step: StepClaim): Promise<boolean> {
  return (await db.run(findRecovered, { steps: [attemptRow(step)] })).length > 0;
}

/** Of these claims, those that are lost (cancelled task, ended lease), by step id. */
export async function lostClaims(db: Executor, steps: readonly StepClaim[]): Promise<string[]> {
  if (steps.length === 0) return [];
  const rows = await db.run(findLostClaims, { steps: steps.map(attemptRow) });
  return rows.map((row) => row.workflow_step_id);
}

/** Claims that the database has under this worker's id, other than `known`. */
export async function orphanedClaims(db: Executor, workerId: string, known: readonly string[]): Promise<string[]> {
  return (await db.run(findOrphanedClaims, { worker_id: workerId, known_claims: known })).map((row) => row.claim_id);
}

/** Deletes claims all of whose steps have ended. */
export async function forgetClaims(db: Executor, claimIds: readonly string[]): Promise<void> {
  if (claimIds.length > 0) await db.run(closeClaims, { claim_ids: claimIds });
}
