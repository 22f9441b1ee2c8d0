import type { StepTemplate, WorkflowDefinition, WorkflowName } from '../../workflow/definition.ts';
import type { StepLabels } from '../telemetry/events.ts';
import type { WorkerSettings } from './worker-options.ts';

type Defaults = Pick<WorkerSettings, 'stepTimeoutSeconds' | 'backoffCapSeconds'>;

/** One step of one workflow version, with everything about it that does not change between attempts. */
export interface StepType {
  definition: WorkflowDefinition;
  template: StepTemplate;
  /** Ordinal and name of each parent, and of each step in `uses`: what the handler's `parents` is made of. Ascending. */
  parents: readonly { ordinal: number; name: string }[];
  /** The ordinals of the steps in `uses`: a claim does not bring their results. Undefined: none. */
  uses: readonly number[] | undefined;
  timeoutMs: number;
  backoffCapSeconds: number;
  backoffInitialSeconds: number | undefined;
  labels: StepLabels;
}

/**
 * The steps that this worker has handlers for, by the id of their workflow and their ordinal in it. The ids are valid in
 * the state of the database that the worker joined: when it joins again the registry is cleared and filled anew.
 */
export class HandlerRegistry {
  private readonly workflows = new Map<number, ReadonlyMap<number, StepType>>();
  /** For the process's registration. */
  readonly named: (WorkflowName & { namedTaskId: number })[] = [];
  private readonly defaults: Defaults;
  /** Whether any step uses results of steps that are not its parents: without one, nothing is looked up for it. */
  anyUses = false;

  constructor(defaults: Defaults) {
    this.defaults = defaults;
  }

  /** Ids of the workflows as they are now: a statement that waits for a connection keeps those of its request. */
  get namedTaskIds(): readonly number[] {
    return [...this.workflows.keys()];
  }

  add(namedTaskId: number, definition: WorkflowDefinition): void {
    const { namespace, name, version } = definition;
    this.named.push({ namedTaskId, namespace, name, version });
    const names = new Map(definition.steps.map((step) => [step.ordinal, step.name]));
    const ordinals = new Map(definition.steps.map((step) => [step.name, step.ordinal]));
    const usesOf = (template: StepTemplate): number[] | undefined =>
      template.uses?.map((used) => ordinals.get(used) as number);
    if (definition.steps.some((step) => step.uses !== undefined)) this.anyUses = true;
    this.workflows.set(
      namedTaskId,
      new Map(
        definition.steps.map((template) => [
          template.ordinal,
          {
            definition,
            template,
            parents: [...template.parentOrdinals, ...(usesOf(template) ?? [])]
              .sort((a, b) => a - b)
              .map((ordinal) => ({ ordinal, name: names.get(ordinal) as string })),
            uses: usesOf(template),
            timeoutMs: (template.timeoutSeconds ?? this.defaults.stepTimeoutSeconds) * 1000,
            backoffCapSeconds:
              template.backoff?.maxSeconds ??
              Math.max(this.defaults.backoffCapSeconds, template.backoff?.initialSeconds ?? 0),
            backoffInitialSeconds: template.backoff?.initialSeconds,
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

  /** Before all are added again, because their ids may have changed. */
  clear(): void {
    this.workflows.clear();
    this.named.length = 0;
    this.anyUses = false;
  }

  find(namedTaskId: number, ordinal: number): StepType | undefined {
    return this.workflows.get(namedTaskId)?.get(ordinal);
  }
}
