import type { Database } from '../db/database.ts';
import { mayFitSmaller } from '../db/sql-errors.ts';
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

/**
 * Retries until the worker stops: these steps are claimed by it, so no other will run them. Steps that fail together a second
 * time are loaded in halves, so that one whose inputs cannot be read does not hold up the others.
 */
export async function loadPatiently(
  db: Database,
  steps: readonly ClaimedStep[],
  host: {
    /** Inputs by step id, of some of the steps. */
    onLoaded: (steps: readonly ClaimedStep[], inputs: Map<string, StepInputs>) => void;
    onError: (what: string, error: unknown) => void;
    stopped: () => boolean;
  },
): Promise<void> {
  for (let failures = 0; !host.stopped();) {
    let inputs: Map<string, StepInputs>;
    try {
      inputs = await loadStepInputs(db, steps);
    } catch (error) {
      host.onError('load inputs', error);
      await new Promise((resolve) => setTimeout(resolve, 100 + Math.random() * 400));
      if (mayFitSmaller(error)) failures += 1;
      if (failures < 2 || steps.length === 1) continue;
      const middle = steps.length >> 1;
      await Promise.all([steps.slice(0, middle), steps.slice(middle)].map((half) => loadPatiently(db, half, host)));
      return;
    }
    host.onLoaded(steps, inputs);
    return;
  }
}
