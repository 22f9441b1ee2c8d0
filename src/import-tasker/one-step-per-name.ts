import { isState, stateOf, stepHistory } from './history.ts';
import type { SourceStep } from './source-task.ts';

/** The further a step has come, the higher. */
const RANK: readonly string[] = ['pending', 'cancelled', 'error', 'in_progress', 'resolved_manually', 'complete'];

export interface Merged {
  kept: SourceStep[];
  /** From the id of a step that was left out to the id of the one that stays. */
  replacedBy: Map<string, string>;
  left: { name: string; id: string; results: unknown }[];
}

/** A task of Tasker (Ruby) may have several steps of one name: the one that is further stays, and gets the edges of the others. */
export function oneStepPerName(steps: readonly SourceStep[], nameOf: (name: string) => string, now: number): Merged {
  const merged: Merged = { kept: [], replacedBy: new Map(), left: [] };
  for (const [name, same] of Map.groupBy(steps, (step) => nameOf(step.name))) {
    const [best, ...others] = same.toSorted((a, b) => rankOf(b, now) - rankOf(a, now));
    if (best === undefined) continue;
    merged.kept.push(best);
    for (const other of others) {
      merged.replacedBy.set(other.id, best.id);
      merged.left.push({ name, id: other.id, results: other.results === null ? null : JSON.parse(other.results) });
    }
  }
  const ids = new Set(merged.kept.map((step) => step.id));
  merged.kept = steps.filter((step) => ids.has(step.id)).map((step) => withEdgesOf(step, steps, merged.replacedBy));
  return merged;
}

function rankOf(step: SourceStep, now: number): number {
  if (step.processed) return RANK.length;
  const state =
    step.status !== null && isState(step.status) ? step.status : stateOf(stepHistory(step.history, now).rows);
  return RANK.indexOf(state);
}

function withEdgesOf(
  step: SourceStep,
  steps: readonly SourceStep[],
  replacedBy: ReadonlyMap<string, string>,
): SourceStep {
  if (replacedBy.size === 0) return step;
  const same = steps.filter((other) => other.id === step.id || replacedBy.get(other.id) === step.id);
  const parents = same.flatMap((other) => other.parents.map((parent) => replacedBy.get(parent) ?? parent));
  return { ...step, parents: [...new Set(parents)].filter((parent) => parent !== step.id) };
}
