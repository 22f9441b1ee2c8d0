import { PermanentError, RetryableError } from '../errors.ts';
import type { StepContext, StepTemplate, WorkflowDefinition } from '../workflow/definition.ts';
import { describeThrown, toStorableJson } from '../workflow/storable.ts';
import type { ClaimedStep, StepInputs } from '../engine/claim.ts';
import type { StepLogger } from '../workflow/definition.ts';
import { currentStep } from './current-step.ts';
import type { StepLabels } from './events.ts';
import type { AbortCause, RunningStep, RunningSteps } from './running-steps.ts';

/** One kind of step that this worker can run, with everything about it that does not change between attempts. */
export interface StepKind {
  definition: WorkflowDefinition;
  template: StepTemplate;
  /** Ordinal and name of each parent: what the handler's `parents` is made of. */
  parents: readonly { ordinal: number; name: string }[];
  timeoutMs: number;
  backoffCapSeconds: number;
  labels: StepLabels;
}

export type Outcome =
  | { kind: 'complete'; result: string }
  | {
      kind: 'fail';
      cause: 'fail' | 'timeout';
      permanent: boolean;
      requestedBackoffSeconds: number | undefined;
      metadata: string;
    }
  /** Aborted by a drain: the attempt is given back. */
  | { kind: 'release' }
  /** Taken away by the database: nothing may be written. */
  | { kind: 'abandoned' };

export interface ExecuteOptions {
  running: RunningSteps;
  maxResultBytes: number;
  maxBackoffRequestSeconds: number;
  loggerFor: (kind: StepKind, step: ClaimedStep) => StepLogger;
  /** The handler went on after its deadline and the grace, and was given up on. */
  onStuck: (kind: StepKind) => void;
}

/** Runs one handler to its outcome. Never rejects, whatever the handler does short of ending the process. */
export async function executeStep(
  kind: StepKind,
  step: ClaimedStep,
  inputs: StepInputs,
  options: ExecuteOptions,
): Promise<Outcome> {
  if (isBypassed(kind, inputs)) return { kind: 'complete', result: 'null' };
  const running = new Attempt(step, kind.timeoutMs);
  options.running.add(running);
  const handled = currentStep.run(running, callHandler, kind, inputs, running, options);
  // A handler that answers at once can be neither given up on nor crash later.
  const result = handled instanceof Promise ? await running.settledBy(handled) : handled;
  options.running.remove(running);

  if ('gaveUp' in result) {
    options.onStuck(kind);
    return abortedOutcome(result.gaveUp, kind, undefined);
  }
  // Before anything else: the drain that follows a crash must not give this attempt back as if it were innocent.
  if ('crashed' in result) return thrownOutcome(result.crashed, options);
  if ('value' in result) {
    if (running.abortedBy === 'claim_lost') return { kind: 'abandoned' };
    const storable = toStorableJson(result.value, { maxBytes: options.maxResultBytes });
    if (storable.ok) return { kind: 'complete', result: storable.json };
    return failure('fail', true, undefined, {
      name: 'UnstorableResult',
      message: `step "${kind.template.name}" returned a result that cannot be stored as JSON: ${storable.reason}`,
    });
  }
  if (running.abortedBy !== undefined) return abortedOutcome(running.abortedBy, kind, result.error);
  return thrownOutcome(result.error, options);
}

/** A submit may say that its task does without a step, if the workflow declares that step skippable. */
function isBypassed(kind: StepKind, inputs: StepInputs): boolean {
  if (inputs.bypassSteps === null || !kind.template.skippable) return false;
  return (JSON.parse(inputs.bypassSteps) as unknown[]).includes(kind.template.name);
}

type Settled = { value: unknown } | { error: unknown } | { crashed: unknown } | { gaveUp: AbortCause };

/** An attempt whose handler runs. */
class Attempt implements RunningStep {
  readonly claim: ClaimedStep;
  readonly startedAt = performance.now();
  readonly deadlineAt: number;
  controller: AbortController | undefined = undefined;
  abortedBy: AbortCause | undefined = undefined;
  giveUpAt = Infinity;
  /** Ends before the handler does, in this way. */
  private early: Settled | undefined = undefined;
  private answer: ((settled: Settled) => void) | undefined = undefined;

  constructor(claim: ClaimedStep, timeoutMs: number) {
    this.claim = claim;
    this.deadlineAt = this.startedAt + timeoutMs;
  }

  giveUp(cause: AbortCause): void {
    this.end({ gaveUp: cause });
  }

  crash(error: unknown): void {
    this.end({ crashed: error });
  }

  settledBy(handled: Promise<Settled>): Promise<Settled> {
    return new Promise((resolve) => {
      this.answer = resolve;
      if (this.early !== undefined) resolve(this.early);
      void handled.then(resolve);
    });
  }

  private end(settled: Settled): void {
    this.early ??= settled;
    this.answer?.(settled);
  }
}

/** What a handler is called with. Its signal and its log are made when they are first asked for. */
class Context implements StepContext {
  readonly taskId: string;
  readonly stepName: string;
  readonly attempt: number;
  readonly retryLimit: number;
  readonly input: unknown;
  readonly parents: Readonly<Record<string, unknown>>;
  readonly idempotencyKey: string;
  readonly #kind: StepKind;
  readonly #running: Attempt;
  readonly #loggerFor: ExecuteOptions['loggerFor'];
  #log: StepLogger | undefined;

  constructor(kind: StepKind, inputs: StepInputs, running: Attempt, loggerFor: ExecuteOptions['loggerFor']) {
    const { taskId, attempt, retryLimit } = running.claim;
    this.taskId = taskId;
    this.stepName = kind.template.name;
    this.attempt = attempt;
    this.retryLimit = retryLimit;
    this.input = JSON.parse(inputs.context);
    this.parents = parentsOf(kind, inputs);
    this.idempotencyKey = `${taskId}:${kind.template.name}`;
    this.#kind = kind;
    this.#running = running;
    this.#loggerFor = loggerFor;
  }

  get signal(): AbortSignal {
    return (this.#running.controller ??= new AbortController()).signal;
  }

  get log(): StepLogger {
    return (this.#log ??= this.#loggerFor(this.#kind, this.#running.claim));
  }
}

function parentsOf(kind: StepKind, inputs: StepInputs): Record<string, unknown> {
  const results = inputs.parents === null ? {} : (JSON.parse(inputs.parents) as Record<string, unknown>);
  const parents: Record<string, unknown> = {};
  for (const { ordinal, name } of kind.parents) parents[name] = results[ordinal] ?? null;
  return parents;
}

/** Never throws and never rejects. */
function callHandler(
  kind: StepKind,
  inputs: StepInputs,
  running: Attempt,
  options: ExecuteOptions,
): Settled | Promise<Settled> {
  try {
    const value: unknown = kind.template.handler(new Context(kind, inputs, running, options.loggerFor));
    return isThenable(value) ? settle(value) : { value };
  } catch (error) {
    return { error };
  }
}

/** Throws where a getter of the value does: a promise that cannot be awaited is an error of the handler. */
function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    value !== null &&
    (typeof value === 'object' || typeof value === 'function') &&
    typeof (value as { then?: unknown }).then === 'function'
  );
}

async function settle(promise: PromiseLike<unknown>): Promise<Settled> {
  try {
    return { value: await promise };
  } catch (error) {
    return { error };
  }
}

function thrownOutcome(error: unknown, options: ExecuteOptions): Outcome {
  const requested = error instanceof RetryableError ? error.retryAfterSeconds : undefined;
  return failure(
    'fail',
    error instanceof PermanentError,
    requested === undefined ? undefined : Math.min(requested, options.maxBackoffRequestSeconds),
    describeThrown(error),
  );
}

function abortedOutcome(cause: AbortCause, kind: StepKind, error: unknown): Outcome {
  if (cause === 'drain') return { kind: 'release' };
  if (cause === 'claim_lost') return { kind: 'abandoned' };
  const thrown = error === undefined ? undefined : describeThrown(error).message;
  return failure('timeout', false, undefined, {
    name: 'StepTimeout',
    message: `step "${kind.template.name}" ran longer than its timeout of ${kind.timeoutMs / 1000} s${thrown === undefined ? '' : ` (${thrown})`}`,
  });
}

function failure(
  cause: 'fail' | 'timeout',
  permanent: boolean,
  requestedBackoffSeconds: number | undefined,
  error: object,
): Outcome {
  return { kind: 'fail', cause, permanent, requestedBackoffSeconds, metadata: JSON.stringify({ error }) };
}
