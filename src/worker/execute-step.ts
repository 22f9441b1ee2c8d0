import { PermanentError, RetryableError } from '../errors.ts';
import type { StepTemplate, WorkflowDefinition } from '../workflow/definition.ts';
import { describeThrown, toStorableJson } from '../workflow/storable.ts';
import type { ClaimedStep, StepInputs } from '../engine/claim.ts';
import type { StepLogger } from '../workflow/definition.ts';
import { currentStep } from './current-step.ts';
import type { AbortCause, RunningStep, RunningSteps } from './running-steps.ts';

/** One kind of step that this worker can run, with everything about it that does not change between attempts. */
export interface StepKind {
  definition: WorkflowDefinition;
  template: StepTemplate;
  /** Ordinal and name of each parent: what the handler's `parents` is made of. */
  parents: readonly { ordinal: number; name: string }[];
  timeoutMs: number;
  backoffCapSeconds: number;
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
  /** The handler went on after its deadline and the grace; called when it is given up on and, with false, if it ever ends. */
  onStuck: (kind: StepKind, stuck: boolean) => void;
}

/** Runs one handler to its outcome. Never rejects, whatever the handler does short of ending the process. */
export async function executeStep(
  kind: StepKind,
  step: ClaimedStep,
  inputs: StepInputs,
  options: ExecuteOptions,
): Promise<Outcome> {
  if (isBypassed(kind, inputs)) return { kind: 'complete', result: 'null' };
  const startedAt = performance.now();
  let answer: (settled: Settled) => void = () => undefined;
  const settled = new Promise<Settled>((resolve) => {
    answer = resolve;
  });
  const running: RunningStep = {
    claim: step,
    controller: undefined,
    startedAt,
    deadlineAt: startedAt + kind.timeoutMs,
    giveUp: (cause) => answer({ gaveUp: cause }),
    crash: (error) => answer({ crashed: error }),
    abortedBy: undefined,
    giveUpAt: Infinity,
  };
  options.running.add(running);
  const handled = currentStep.run(running, callHandler, kind, step, inputs, running, options);
  void handled.then(answer);
  const result = await settled;
  options.running.remove(running);

  if ('gaveUp' in result) {
    options.onStuck(kind, true);
    void handled.then(() => options.onStuck(kind, false));
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

async function callHandler(
  kind: StepKind,
  step: ClaimedStep,
  inputs: StepInputs,
  running: RunningStep,
  options: ExecuteOptions,
): Promise<{ value: unknown } | { error: unknown }> {
  try {
    const results = inputs.parents === null ? {} : (JSON.parse(inputs.parents) as Record<string, unknown>);
    const parents: Record<string, unknown> = {};
    for (const { ordinal, name } of kind.parents) parents[name] = results[ordinal] ?? null;
    let log: StepLogger | undefined;
    const value: unknown = await kind.template.handler({
      taskId: step.taskId,
      stepName: kind.template.name,
      attempt: step.attempt,
      retryLimit: step.retryLimit,
      input: JSON.parse(inputs.context) as unknown,
      parents,
      get signal() {
        return (running.controller ??= new AbortController()).signal;
      },
      get log() {
        return (log ??= options.loggerFor(kind, step));
      },
      idempotencyKey: `${step.taskId}:${kind.template.name}`,
    });
    return { value };
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
