import { useMemo, useRef } from 'preact/hooks';
import type { StepTuple } from '../../api/types.ts';
import { type Known, type StepPlan, type StepView, viewsOf } from './model.ts';

/** The steps of a task, each the same object until its state changes. */
export function useSteps(plans: readonly StepPlan[], known: Known): readonly StepView[] {
  const before = useRef<{ plans: readonly StepPlan[]; views: ReadonlyMap<StepTuple, StepView> } | undefined>(undefined);
  return useMemo(() => {
    const views = viewsOf(plans, known, before.current?.plans === plans ? before.current.views : undefined);
    const byTuple = new Map<StepTuple, StepView>();
    for (const view of views) {
      const tuple = known.steps.get(view.n);
      if (tuple !== undefined) byTuple.set(tuple, view);
    }
    before.current = { plans, views: byTuple };
    return views;
  }, [plans, known.steps]);
}
