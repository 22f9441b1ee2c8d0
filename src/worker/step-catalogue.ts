import type { WorkflowDefinition } from '../workflow/definition.ts';
import type { StepKind } from './execute-step.ts';

/** The steps that this worker has handlers for, by the id of their workflow and their ordinal in it. */
export class StepCatalogue {
  private readonly workflows = new Map<number, ReadonlyMap<number, StepKind>>();
  private readonly defaults: { defaultStepTimeoutSeconds: number; backoffCapSeconds: number };

  constructor(defaults: { defaultStepTimeoutSeconds: number; backoffCapSeconds: number }) {
    this.defaults = defaults;
  }

  add(namedTaskId: number, definition: WorkflowDefinition): void {
    const names = new Map(definition.steps.map((step) => [step.ordinal, step.name]));
    this.workflows.set(
      namedTaskId,
      new Map(
        definition.steps.map((template) => [
          template.ordinal,
          {
            definition,
            template,
            parents: template.parentOrdinals.map((ordinal) => ({ ordinal, name: names.get(ordinal) as string })),
            timeoutMs: (template.timeoutSeconds ?? this.defaults.defaultStepTimeoutSeconds) * 1000,
            backoffCapSeconds: template.backoff?.maxSeconds ?? this.defaults.backoffCapSeconds,
            labels: {
              namespace: definition.namespace,
              workflow: definition.name,
              step: template.name,
              queue: template.queue,
            },
          },
        ]),
      ),
    );
  }

  get namedTaskIds(): number[] {
    return [...this.workflows.keys()];
  }

  find(namedTaskId: number, ordinal: number): StepKind | undefined {
    return this.workflows.get(namedTaskId)?.get(ordinal);
  }
}
