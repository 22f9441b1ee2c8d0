import type { ClaimedStep, StepInputs } from '../../engine/claim.ts';
import type { AttemptTrace } from '../../tracing/attempt-trace.ts';
import type { RawTexts, StepContext, StepLogger } from '../../workflow/definition.ts';
import { occurrenceOf, type StoredOccurrence, type TaskOccurrence } from '../../workflow/task-occurrence.ts';
import { jsonbMembers } from '../../workflow/jsonb-text.ts';
import { earlierIdempotencyKey, idempotencyKey } from './idempotency-key.ts';
import type { RunningAttempt } from './running-attempts.ts';
import type { StepType } from '../scope/handler-registry.ts';

/** The attempt that a handler is called for, as far as its context needs it. */
export interface ContextSource extends RunningAttempt {
  readonly step: ClaimedStep;
  readonly type: StepType;
  readonly inputs: StepInputs;
  readonly hasEnded: boolean;
  readonly installationId: string;
  /** Undefined: its task is not traced. */
  readonly trace: AttemptTrace | undefined;
  log: () => StepLogger;
}

/** Taken before any handler's code runs: a handler that replaces it must not break the attempts of others. */
const { parse } = JSON;

/** What a handler is called with. Its signal, log, key and raw texts are created on first access. */
export class Context implements StepContext {
  readonly taskId: string;
  readonly stepName: string;
  readonly attempt: number;
  readonly retryLimit: number;
  readonly input: unknown;
  readonly parents: Readonly<Record<string, unknown>>;
  readonly #source: ContextSource;
  #log: StepLogger | undefined;
  #raw: RawTexts | undefined;
  #key: string | undefined;

  constructor(source: ContextSource) {
    const { step, type, inputs } = source;
    this.taskId = step.taskId;
    this.stepName = type.template.name;
    this.attempt = step.attempt;
    this.retryLimit = step.retryLimit;
    this.input = parse(inputs.context);
    this.parents = parentsOf(type, inputs);
    this.#source = source;
  }

  /** Parsed at each access: a member to keep it in would cost every other step. */
  get schedule(): TaskOccurrence | undefined {
    const { schedule } = this.#source.inputs;
    return schedule === null ? undefined : occurrenceOf(parse(schedule) as StoredOccurrence);
  }

  get signal(): AbortSignal {
    return (this.#source.controller ??= new AbortController()).signal;
  }

  get idempotencyKey(): string {
    const { inputs, installationId } = this.#source;
    return (this.#key ??= inputs.hasEarlierKey
      ? earlierIdempotencyKey(this.taskId, this.stepName)
      : idempotencyKey(installationId, inputs.identityHash, this.stepName));
  }

  get log(): StepLogger {
    return (this.#log ??= this.#source.log());
  }

  get raw(): RawTexts {
    return (this.#raw ??= rawTextsOf(this.#source));
  }
}

function rawTextsOf({ type, inputs }: ContextSource): RawTexts {
  const results = inputs.parents === null ? undefined : jsonbMembers(inputs.parents);
  const parents = type.parents.map(({ ordinal, name }) => [name, results?.get(String(ordinal)) ?? 'null']);
  return { input: inputs.context, parents: Object.fromEntries(parents) as Record<string, string> };
}

function parentsOf(type: StepType, inputs: StepInputs): Record<string, unknown> {
  const results = inputs.parents === null ? {} : (parse(inputs.parents) as Record<string, unknown>);
  const parents: Record<string, unknown> = {};
  for (const { ordinal, name } of type.parents) parents[name] = results[ordinal] ?? null;
  return parents;
}
