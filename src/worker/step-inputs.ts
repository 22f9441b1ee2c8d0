import type { Database } from '../db/database.ts';
import { type ClaimedStep, loadStepInputs, ordinalOf, type StepInputs } from '../engine/claim.ts';
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
  // As jsonb_object_agg writes it: ordinals ascend, and a shorter key comes first.
  return { context: cached.context, parents: `{${parts.join(', ')}}`, bypassSteps: cached.bypassSteps };
}

/** Asks the database until it answers: the steps are claimed, and nobody else will run them. */
export async function loadPatiently(
  db: Database,
  steps: readonly ClaimedStep[],
  onError: (what: string, error: unknown) => void,
): Promise<Map<string, StepInputs>> {
  for (;;) {
    try {
      return await loadStepInputs(db, steps);
    } catch (error) {
      onError('load inputs', error);
      await new Promise((resolve) => setTimeout(resolve, 100 + Math.random() * 400));
    }
  }
}
