import type { Database } from '../db/database.ts';
import { type ClaimedStep, loadStepInputs, ordinalOf, type StepInputs, stepsWithEarlierKeys } from '../engine/claim.ts';
import type { ResultCache } from './result-cache.ts';
import type { StepCatalogue } from './step-catalogue.ts';

/** The inputs of a step: from its claim, or from results that are still here. Undefined: they have to be loaded. */
export function inputsAtHand(step: ClaimedStep, catalogue: StepCatalogue, cache: ResultCache): StepInputs | undefined {
  if (step.inputs !== undefined) return step.inputs;
  const kind = catalogue.find(step.namedTaskId, ordinalOf(step.stepId));
  const cached = cache.get(step.taskId);
  if (kind === undefined || cached === undefined) return undefined;
  const parts: string[] = [];
  for (const { ordinal } of kind.parents) {
    const result = cached.results.get(ordinal);
    if (result === undefined) return undefined;
    parts.push(`"${ordinal}": ${result}`);
  }
  const { context, bypassSteps, identityHash } = cached;
  // Steps claimed by a completion were never attempted before.
  return {
    context,
    // As jsonb_object_agg writes it: ordinals ascend, and a shorter key comes first.
    parents: `{${parts.join(', ')}}`,
    bypassSteps,
    identityHash,
    hasHistory: false,
    hasEarlierKey: false,
  };
}

/**
 * Loads inputs for `missing`, and for `begun`, which an earlier version may have attempted, the form of their idempotency keys.
 * Steps no longer held under their claim are missing from the result.
 */
export async function completeInputs(
  db: Database,
  missing: readonly ClaimedStep[],
  begun: readonly ClaimedStep[],
  onError: (what: string, error: unknown) => void,
): Promise<Map<string, StepInputs>> {
  const [inputs, earlier] = await Promise.all([
    missing.length === 0 ? new Map<string, StepInputs>() : patiently(() => loadStepInputs(db, missing), onError),
    begun.length === 0 ? new Set<string>() : patiently(() => stepsWithEarlierKeys(db, begun), onError),
  ]);
  for (const step of begun) {
    if (step.inputs !== undefined) {
      inputs.set(step.stepId, { ...step.inputs, hasEarlierKey: earlier.has(step.stepId) });
    }
  }
  return inputs;
}

/** Retries forever: these steps are claimed by us, so no other worker can run them. */
async function patiently<T>(ask: () => Promise<T>, onError: (what: string, error: unknown) => void): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      onError('load inputs', error);
      await new Promise((resolve) => setTimeout(resolve, 100 + Math.random() * 400));
    }
  }
}
