import type { BackoffOptions, StepDefaults, StepOptions, StepTemplate } from './definition.ts';
import { didYouMean } from './did-you-mean.ts';
import { queueProblem } from './names.ts';
import { preview } from './preview.ts';
import { LEAST_URGENT, MOST_URGENT } from './priority.ts';
import { DEFAULT_RETRY_LIMIT } from '../retry-policy.ts';
import { isStorable, storableText } from './storable-text.ts';

export const MAX_RETRY_LIMIT = 1000;
export const MAX_BACKOFF_SECONDS = 86_400;
/**
 * A week. No timer limits it: deadlines are compared in a sweep. It bounds how long a handler that blocks the event loop can
 * keep the lease of its process, and so every step there. TASKER_STEP_TIMEOUT_SECONDS, for steps that declare none, is the
 * operator's own choice and may be up to 30 days.
 */
export const MAX_TIMEOUT_SECONDS = 604_800;
const BACKOFF_OPTIONS = ['initialSeconds', 'maxSeconds'];
const MAX_DESCRIPTION_LENGTH = 2000;

/** The problem of an option's value (a phrase that follows the option's name), or undefined. */
type Check = (value: unknown) => string | undefined;

const stepNames: Check = (value) =>
  Array.isArray(value) && value.every((name) => typeof name === 'string')
    ? undefined
    : `is ${preview(value)}: it is an array of step names`;

/** Options that only a step can have. */
const OF_STEPS: ReadonlySet<string> = new Set(['dependsOn', 'uses']);

const CHECKS: Record<keyof StepOptions, Check> = {
  dependsOn: stepNames,
  uses: stepNames,
  retryable: isBoolean,
  retryLimit: wholeNumber(1, MAX_RETRY_LIMIT, 'attempts in all, the first included'),
  backoff: (value) => {
    if (!isRecord(value)) return `is ${preview(value)}: it is an object such as { maxSeconds: 30 }`;
    for (const [key, member] of Object.entries(value)) {
      if (!BACKOFF_OPTIONS.includes(key))
        return `has an unknown option "${storableText(key, 64)}"${didYouMean(key, BACKOFF_OPTIONS)}`;
      const problem = member === undefined ? undefined : seconds(MAX_BACKOFF_SECONDS)(member);
      if (problem !== undefined) return `.${key} ${problem}`;
    }
    const { initialSeconds, maxSeconds } = value as BackoffOptions;
    return initialSeconds !== undefined && maxSeconds !== undefined && initialSeconds > maxSeconds
      ? `.initialSeconds is ${initialSeconds}: it is at most maxSeconds, which is ${maxSeconds}`
      : undefined;
  },
  timeoutSeconds: seconds(MAX_TIMEOUT_SECONDS),
  queue: queueProblem,
  priority: wholeNumber(MOST_URGENT, LEAST_URGENT, 'a lower number runs sooner'),
  skippable: isBoolean,
  description: descriptionProblem,
};

export interface OptionProblem {
  /** Undefined if the problem is about the options as a whole, or about an unknown option. */
  readonly option: string | undefined;
  /** Continues the option's name, if there is one: `is 0: it is a whole number from 1 to 1000`. */
  readonly problem: string;
}

/** Every problem of a step's options. `dependsOn` and `uses` are not allowed among a workflow's defaults. */
export function findOptionProblems(options: unknown, kind: 'step' | 'defaults'): OptionProblem[] {
  if (!isRecord(options))
    return [{ option: undefined, problem: `the options are ${preview(options)}: they are an object` }];
  const known = Object.keys(CHECKS).filter((name) => kind === 'step' || !OF_STEPS.has(name));
  return Object.entries(options).flatMap(([option, value]): OptionProblem[] => {
    if (!known.includes(option)) {
      return [
        { option: undefined, problem: `unknown option "${storableText(option, 64)}"${didYouMean(option, known)}` },
      ];
    }
    const problem = value === undefined ? undefined : CHECKS[option as keyof StepOptions](value);
    return problem === undefined ? [] : [{ option, problem }];
  });
}

export function optionProblemText({ option, problem }: OptionProblem): string {
  if (option === undefined) return problem;
  return `${option}${problem.startsWith('.') ? '' : ' '}${problem}`;
}

export function descriptionProblem(value: unknown): string | undefined {
  if (typeof value !== 'string') return `is ${preview(value)}: it is a text`;
  if (value.length > MAX_DESCRIPTION_LENGTH)
    return `is ${value.length} characters long: at most ${MAX_DESCRIPTION_LENGTH}`;
  return isStorable(value) ? undefined : 'contains characters that PostgreSQL cannot store';
}

/** The options of a step: its own, else the workflow's defaults, else the library's. Both are already checked. */
export function resolveOptions(options: StepOptions, defaults: StepDefaults) {
  return {
    queue: options.queue ?? defaults.queue ?? 'default',
    priority: options.priority ?? defaults.priority ?? 0,
    retryable: options.retryable ?? defaults.retryable ?? true,
    retryLimit: options.retryLimit ?? defaults.retryLimit ?? DEFAULT_RETRY_LIMIT,
    backoff: Object.freeze(resolveBackoff(options.backoff ?? {}, defaults.backoff ?? {})),
    timeoutSeconds: options.timeoutSeconds ?? defaults.timeoutSeconds,
    skippable: options.skippable ?? defaults.skippable ?? false,
    description: options.description ?? defaults.description,
  };
}

/** A wait that the step itself declares is not cut by the cap of the workflow's defaults. */
function resolveBackoff(own: BackoffOptions, defaults: BackoffOptions): StepTemplate['backoff'] {
  const cap = own.maxSeconds ?? defaults.maxSeconds;
  const initialSeconds = own.initialSeconds ?? defaults.initialSeconds;
  if (initialSeconds === undefined) return { maxSeconds: cap };
  // The step's own cap is below the first wait of the defaults: the step asked for the cap.
  if (own.initialSeconds === undefined && cap !== undefined && initialSeconds > cap)
    return { initialSeconds: cap, maxSeconds: cap };
  return { initialSeconds, maxSeconds: cap === undefined ? undefined : Math.max(cap, initialSeconds) };
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isBoolean(value: unknown): string | undefined {
  return typeof value === 'boolean' ? undefined : `is ${preview(value)}: it is true or false`;
}

function wholeNumber(min: number, max: number, meaning: string): Check {
  return (value) =>
    typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max
      ? undefined
      : `is ${preview(value)}: it is a whole number from ${min} to ${max} (${meaning})`;
}

function seconds(max: number): Check {
  return (value) =>
    typeof value === 'number' && value > 0 && value <= max
      ? undefined
      : `is ${preview(value)}: it is a number of seconds above 0 and up to ${max}`;
}
