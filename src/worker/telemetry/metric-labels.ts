import type { StepLabels, StepOutcome } from './events.ts';

/** The labels of a step's metrics, for all outcomes. */
export type MetricLabels = ReturnType<typeof metricLabels>;

export function metricLabels({ namespace, workflow, step, queue }: StepLabels) {
  const labels = Object.freeze({ namespace, workflow, step });
  const outcome = (name: StepOutcome) => Object.freeze({ ...labels, outcome: name });
  return {
    queue: Object.freeze({ queue }),
    labels,
    outcomes: {
      complete: outcome('complete'),
      error: outcome('error'),
      timeout: outcome('timeout'),
      released: outcome('released'),
      lost: outcome('lost'),
    } satisfies Record<StepOutcome, object>,
  };
}
