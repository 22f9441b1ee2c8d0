import type { ClaimedStep, StepInputs } from '../engine/claim.ts';
import type { StepContext, StepLogger } from '../workflow/definition.ts';
import type { RunningStep } from './running-steps.ts';
import type { StepKind } from './step-catalogue.ts';

/** The attempt that a handler is called for, as far as its context needs it. */
export interface ContextSource extends RunningStep {
  readonly step: ClaimedStep;
  readonly kind: StepKind;
  readonly inputs: StepInputs;
  log: () => StepLogger;
}

/** What a handler is called with. Its signal and its log are made when they are first asked for. */
export class Context implements StepContext {
  readonly taskId: string;
  readonly stepName: string;
  readonly attempt: number;
  readonly retryLimit: number;
  readonly input: unknown;
  readonly parents: Readonly<Record<string, unknown>>;
  readonly idempotencyKey: string;
  readonly #source: ContextSource;
  #log: StepLogger | undefined;

  constructor(source: ContextSource) {
    const { step, kind, inputs } = source;
    this.taskId = step.taskId;
    this.stepName = kind.template.name;
    this.attempt = step.attempt;
    this.retryLimit = step.retryLimit;
    this.input = JSON.parse(inputs.context);
    this.parents = parentsOf(kind, inputs);
    this.idempotencyKey = `${step.taskId}:${kind.template.name}`;
    this.#source = source;
  }

  get signal(): AbortSignal {
    return (this.#source.controller ??= new AbortController()).signal;
  }

  get log(): StepLogger {
    return (this.#log ??= this.#source.log());
  }
}

function parentsOf(kind: StepKind, inputs: StepInputs): Record<string, unknown> {
  const results = inputs.parents === null ? {} : (JSON.parse(inputs.parents) as Record<string, unknown>);
  const parents: Record<string, unknown> = {};
  for (const { ordinal, name } of kind.parents) parents[name] = results[ordinal] ?? null;
  return parents;
}
