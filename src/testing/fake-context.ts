import { randomUUID } from 'node:crypto';
import { InvalidInputError } from '../errors.ts';
import { idempotencyKey } from '../worker/running/idempotency-key.ts';
import { type AbortCause, StepAborted } from '../worker/running/step-aborted.ts';
import type { RawTexts, StepContext, StepLogger } from '../workflow/definition.ts';
import type { TaskOccurrence } from '../workflow/task-occurrence.ts';
import { jsonbMembers } from '../workflow/jsonb-text.ts';
import { preview } from '../workflow/preview.ts';
import { DEFAULT_RETRY_LIMIT } from '../retry-policy.ts';
import { toStorableJson } from '../workflow/to-storable-json.ts';
import { keepingLogger, type LoggedLine } from './logged-lines.ts';
import type { Untyped } from './untyped.ts';

/** What a handler gets to see. */
export interface FakeContextOptions<Input, Parents> {
  /** Default null. */
  input?: Input;
  /** Results of parents by step name; default none. */
  parents?: Parents;
  stepName?: string;
  taskId?: string;
  /** Default 1. */
  attempt?: number;
  /** Default 3. */
  retryLimit?: number;
  /** The occurrence of a schedule that the task stands for; default: none. */
  schedule?: TaskOccurrence;
  /** Default: one of this context alone. */
  idempotencyKey?: string;
  /** Default: one that keeps its lines in `logged`. */
  log?: StepLogger;
}

/** A context without a fleet. */
export interface FakeContext<Input = unknown, Parents = Readonly<Record<string, unknown>>> extends StepContext<
  Input,
  Parents
> {
  /** What the handler logged. */
  readonly logged: readonly LoggedLine[];
  /** Aborts `signal` as a worker does; default: for the time limit of the step. */
  abort(cause?: AbortCause): void;
}

/**
 * A context to call one handler with. `input` and `parents` go through JSON as they do in a fleet, so the handler sees what it would
 * see there; throws InvalidInputError for what is not JSON.
 */
export function fakeContext<Input = Untyped, Parents extends Readonly<Record<string, unknown>> = Untyped>(
  options: FakeContextOptions<Input, Parents> = {},
): FakeContext<Input, Parents> {
  const { stepName = 'step', attempt = 1, retryLimit = DEFAULT_RETRY_LIMIT } = options;
  checkAttempt(attempt, retryLimit);
  const controller = new AbortController();
  const logged: LoggedLine[] = [];
  const raw = {
    input: jsonText('input', options.input ?? null),
    parents: Object.fromEntries(jsonbMembers(jsonText('parents', options.parents ?? {}))),
  } as RawTexts<Parents>;
  const parents = Object.entries<string>(raw.parents).map(([name, text]) => [name, JSON.parse(text)]);
  return {
    taskId: options.taskId ?? '1',
    stepName,
    attempt,
    retryLimit,
    input: JSON.parse(raw.input) as Input,
    parents: Object.fromEntries(parents) as Parents,
    schedule: options.schedule,
    raw,
    signal: controller.signal,
    log: options.log ?? keepingLogger(logged, { step: stepName, attempt }),
    idempotencyKey: options.idempotencyKey ?? idempotencyKey(randomUUID(), randomUUID(), stepName),
    logged,
    abort: (cause = 'timeout') => controller.abort(new StepAborted(cause, `the test aborted the step: ${cause}`)),
  };
}

function checkAttempt(attempt: number, retryLimit: number): void {
  for (const [field, value] of Object.entries({ attempt, retryLimit })) {
    if (Number.isInteger(value) && value >= 1) continue;
    throw new InvalidInputError(`${field} is ${preview(value)}: use a whole number from 1 on`, { field });
  }
  if (attempt > retryLimit) {
    throw new InvalidInputError(`attempt is ${attempt}: it is at most retryLimit, which is ${retryLimit}`, {
      field: 'attempt',
    });
  }
}

function jsonText(field: string, value: unknown): string {
  const text = toStorableJson(value, { maxBytes: Infinity, label: field, plainOnly: true, asJsonb: true });
  if (text.ok) return text.json;
  throw new InvalidInputError(text.reason, { field });
}
