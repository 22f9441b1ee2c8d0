import { type Jitter, withJitter } from '../../backoff.ts';
import type { Database } from '../../db/connections/database.ts';
import { mayFitSmaller } from '../../db/connections/sql-errors.ts';
import {
  type ClaimedStep,
  loadStepInputs,
  loadUsedResults,
  type StepInputs,
  stepsWithEarlierKeys,
} from '../../engine/claim.ts';
import { jsonbMembers } from '../../workflow/jsonb-text.ts';
import { ordinalOf } from '../../workflow/step-id.ts';
import type { HandlerRegistry } from '../scope/handler-registry.ts';
import type { ResultCache } from '../scope/result-cache.ts';
import type { WorkerScope } from '../scope/worker-scope.ts';

/** Between two tries to load inputs: 100 to 500 ms. */
const RETRY_MS = 500;
const RETRY_JITTER: Jitter = [0.2, 1];

/** The inputs of a step: from its claim, or from results that are still here. Undefined: they have to be loaded. */
export function inputsAtHand(
  step: ClaimedStep,
  handlers: HandlerRegistry,
  results: ResultCache,
): StepInputs | undefined {
  if (step.inputs !== undefined && !handlers.anyUses) return step.inputs;
  const type = handlers.find(step.namedTaskId, ordinalOf(step.stepId));
  if (step.inputs !== undefined) return type?.uses === undefined ? step.inputs : undefined;
  const cached = results.get(step.taskId);
  if (type === undefined || cached === undefined) return undefined;
  const parts: string[] = [];
  for (const { ordinal } of type.parents) {
    const result = cached.results.get(ordinal);
    if (result === undefined) return undefined;
    parts.push(`"${ordinal}": ${result}`);
  }
  const { context, bypassSteps, schedule, traceContext, identityHash } = cached;
  // Steps claimed by a completion were never attempted before.
  return {
    context,
    // As jsonb_object_agg writes it: ordinals ascend, and a shorter key comes first.
    parents: `{${parts.join(', ')}}`,
    bypassSteps,
    schedule,
    traceContext,
    identityHash,
    hasHistory: false,
    hasEarlierKey: false,
  };
}

/** Receives what was loaded, some of the steps at a time. Steps that are no longer held under their claim are missing. */
type OnLoaded = (steps: readonly ClaimedStep[], inputs: ReadonlyMap<string, StepInputs>) => void;
type Load = (steps: readonly ClaimedStep[]) => Promise<Map<string, StepInputs>>;

/**
 * Loads inputs for `missing`, and for `begun`, which an earlier version may have attempted, the form of their idempotency keys.
 */
export async function loadMissing(
  scope: WorkerScope,
  { missing, begun }: { missing: readonly ClaimedStep[]; begun: readonly ClaimedStep[] },
  onLoaded: OnLoaded,
): Promise<void> {
  const { db } = scope;
  await Promise.all([
    withRetry(scope, missing, (steps) => loadWithUsed(scope, steps), onLoaded),
    withRetry(scope, begun, (steps) => withFormOfKeys(db, steps), onLoaded),
  ]);
}

/** Steps that were claimed with their inputs come here only for the results that a claim does not bring. */
async function loadWithUsed(scope: WorkerScope, steps: readonly ClaimedStep[]): Promise<Map<string, StepInputs>> {
  const loaded = await loadStepInputs(scope.db, steps);
  if (!scope.handlers.anyUses) return loaded;
  const using = steps.flatMap((step) => {
    const { uses } = scope.handlers.find(step.namedTaskId, ordinalOf(step.stepId)) ?? {};
    return uses === undefined || !loaded.has(step.stepId) ? [] : [{ step, uses }];
  });
  if (using.length === 0) return loaded;
  const used = await loadUsedResults(scope.db, using);
  const begun = using.map(({ step }) => step).filter((step) => step.inputs?.hasHistory === true);
  const earlier =
    begun.length === 0 || !scope.state.hadEarlierVersions ? new Set() : await stepsWithEarlierKeys(scope.db, begun);
  for (const { step } of using) {
    const inputs = loaded.get(step.stepId) as StepInputs;
    loaded.set(step.stepId, {
      ...inputs,
      parents: joined(inputs.parents, used.get(step.stepId)),
      hasHistory: step.inputs?.hasHistory ?? false,
      hasEarlierKey: earlier.has(step.stepId),
    });
  }
  return loaded;
}

/** One object of both, as jsonb_object_agg writes it: ordinals ascend, and a shorter key comes first. */
function joined(parents: string | null, used: ReadonlyMap<string, string> = new Map()): string {
  const results = [...(parents === null ? [] : jsonbMembers(parents)), ...used];
  return `{${results
    .toSorted(([a], [b]) => Number(a) - Number(b))
    .map(([ordinal, result]) => `"${ordinal}": ${result}`)
    .join(', ')}}`;
}

async function withFormOfKeys(db: Database, steps: readonly ClaimedStep[]): Promise<Map<string, StepInputs>> {
  const earlier = await stepsWithEarlierKeys(db, steps);
  return new Map(
    steps.flatMap(({ stepId, inputs }) =>
      inputs === undefined ? [] : [[stepId, { ...inputs, hasEarlierKey: earlier.has(stepId) }] as const],
    ),
  );
}

/**
 * Retries until the worker stops: these steps are claimed by it, so no other will run them. Steps that fail together a second
 * time are loaded in halves, so that one whose inputs cannot be read does not hold up the others.
 */
async function withRetry(
  scope: WorkerScope,
  steps: readonly ClaimedStep[],
  load: Load,
  onLoaded: OnLoaded,
): Promise<void> {
  if (steps.length === 0) return;
  for (let failures = 0; !scope.state.stopped;) {
    let inputs: Map<string, StepInputs>;
    try {
      inputs = await load(steps);
    } catch (error) {
      scope.events.failed('load inputs', error);
      await new Promise((resolve) => setTimeout(resolve, withJitter(RETRY_MS, RETRY_JITTER)));
      if (mayFitSmaller(error)) failures += 1;
      if (failures < 2 || steps.length === 1) continue;
      const middle = steps.length >> 1;
      const halves = [steps.slice(0, middle), steps.slice(middle)];
      await Promise.all(halves.map((half) => withRetry(scope, half, load, onLoaded)));
      return;
    }
    onLoaded(steps, inputs);
    return;
  }
}
