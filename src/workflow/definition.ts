import type { Json } from './json.ts';
import type { KeepPolicy } from '../keep-policy.ts';
import type { ReuseRule } from './reuse.ts';
import type { SchemaInput, StandardSchema } from './standard-schema.ts';
import type { WorkflowSchedule } from './schedule-options.ts';
import type { TaskOccurrence } from './task-occurrence.ts';

/*
 * TERMINOLOGY
 * workflow    a named, versioned definition: a graph of step templates
 * task        one run of a workflow, with an input (its context)
 * step        one node of that run; its parents are the steps named in `dependsOn`
 * attempt     one run of a step's handler
 * root, sink  a step without parents, a step without children
 * All words: docs/glossary.md
 */

/** What makes two submits the same task; `unique`: none are. `content_hash`: equal inputs of one version. `caller_key`: equal keys. */
export type IdentityStrategy = 'unique' | 'content_hash' | 'caller_key';

/** The waits between the attempts of a step. */
export interface BackoffOptions {
  /** The wait before the first retry, in seconds: between half of this and this. Doubles with each further one. Default 2. */
  initialSeconds?: number;
  /** The longest computed wait before a retry, in seconds; the fleet's own cap (30) by default, or `initialSeconds` if that is more. */
  maxSeconds?: number;
}

/** Options of a step, its parents excepted. Out of range: WorkflowDefinitionError. */
export interface StepDefaults {
  /** False: the first attempt is the only one. Default true. */
  retryable?: boolean;
  /** Attempts in all, the first included; 1 to 1,000, default 3. */
  retryLimit?: number;
  /** The waits before retries: 1-2 s, 2-4 s, ... up to 15-30 s by default. */
  backoff?: BackoffOptions;
  /** Time limit of one attempt, up to 604,800; the fleet's own (`TASKER_STEP_TIMEOUT_SECONDS`) by default. */
  timeoutSeconds?: number;
  /** The queue whose workers run it; default `default`. */
  queue?: string;
  /** -32768 to 32767, lower runs sooner; default 0. */
  priority?: number;
  /** A submit may bypass it: its handler is not called, and its children get null. Default false. */
  skippable?: boolean;
  /** For people; up to 2,000 characters. */
  description?: string;
}

/** Options of a step. */
export interface StepOptions<Parent extends string = string, Used extends string = string> extends StepDefaults {
  /** The steps whose results the handler needs, or that must complete before it. */
  dependsOn?: readonly Parent[];
  /** Steps before its parents whose results the handler receives too, among `parents`. They are no edges of the graph. */
  uses?: readonly Used[];
}

type LogMethod = {
  (message: string): void;
  (fields: object, message?: string): void;
};

/** Like pino: a message, or fields and a message. Lines carry the namespace, the workflow, the task, the step, the attempt and the worker; fields of the
 * same names become `field_task_id`. */
export interface StepLogger {
  readonly debug: LogMethod;
  readonly info: LogMethod;
  readonly warn: LogMethod;
  readonly error: LogMethod;
}

/**
 * The JSON texts of a handler's inputs, as the database writes them: for numbers that a JavaScript number cannot hold
 * (12345678901234567890, 19.900000000000000001), which other programs may have written.
 */
export interface RawTexts<Parents = Readonly<Record<string, unknown>>> {
  readonly input: string;
  readonly parents: { readonly [Name in keyof Parents]: string };
}

/**
 * What a handler is called with. `signal`, `log`, `raw` and `schedule` are made at their first use: destructuring gets them, a spread
 * does not.
 */
export interface StepContext<Input = unknown, Parents = Readonly<Record<string, unknown>>> {
  /** A number as a text. */
  readonly taskId: string;
  readonly stepName: string;
  /** 1 for the first. */
  readonly attempt: number;
  /** The most attempts that there can be. */
  readonly retryLimit: number;
  /** The task's input, after its schema's defaults and transforms. */
  readonly input: Input;
  /** The results of the steps in `dependsOn` and `uses`, by name, and nothing else. */
  readonly parents: Parents;
  /** `input` and `parents` as JSON text, the same at every attempt. */
  readonly raw: RawTexts<Parents>;
  /** The occurrence of a schedule that submitted this task; undefined if none did. */
  readonly schedule: TaskOccurrence | undefined;
  /** Aborted at the step's timeout, at a cancel, when the claim is lost, and at the end of a shutdown's grace period. */
  readonly signal: AbortSignal;
  /** Lines that name the task, the step and the attempt. */
  readonly log: StepLogger;
  /**
   * A UUID, the same for every attempt of this step and for no other step, in this installation or any other: pass it on to
   * effects that must happen once. Derived from the installation, the identity of the task and the name of the step.
   */
  readonly idempotencyKey: string;
}

/** A handler with its types erased, as a worker calls it. */
export type StepHandler = (context: StepContext) => unknown;

/** One step of a definition, with every option resolved. */
export interface StepTemplate {
  readonly name: string;
  /** 1 to n, in topological order: a parent's ordinal is lower than its children's. */
  readonly ordinal: number;
  /** The parents' names, in the order they were given. */
  readonly dependsOn: readonly string[];
  /** Steps before its parents whose results its handler receives too. Absent: none. */
  readonly uses?: readonly string[];
  /** Ascending. */
  readonly parentOrdinals: readonly number[];
  /** Ascending. */
  readonly childOrdinals: readonly number[];
  readonly queue: string;
  readonly priority: number;
  readonly retryable: boolean;
  readonly retryLimit: number;
  /** Undefined: 2 seconds at first, and the fleet's own cap. */
  readonly backoff: { readonly initialSeconds?: number; readonly maxSeconds: number | undefined };
  /** Undefined: the fleet's own limit is used. */
  readonly timeoutSeconds: number | undefined;
  readonly skippable: boolean;
  readonly description: string | undefined;
  /** Fixed settings of the handler, from a YAML template. */
  readonly handlerConfig: Json | undefined;
  readonly handler: StepHandler;
}

declare const RESULTS: unique symbol;

/** What identifies a workflow, in every database. */
export interface WorkflowName {
  readonly namespace: string;
  readonly name: string;
  readonly version: string;
}

/** A workflow that can run. Immutable; `Results` are the steps' results by name, as they come back from the database. */
export interface WorkflowDefinition<
  Schema extends StandardSchema = StandardSchema,
  Results = unknown,
> extends WorkflowName {
  readonly description: string | undefined;
  readonly inputSchema: Schema;
  readonly identity: IdentityStrategy;
  /** For submits that do not set their own. Absent: `never`. */
  readonly reuse?: ReuseRule;
  readonly reuseAfterSeconds?: number;
  /** How long its tasks are kept after their end. Absent: as the fleet's TASKER_KEEP says, by default for ever. */
  readonly keep?: KeepPolicy;
  /** In topological order: `steps[i].ordinal === i + 1`. */
  readonly steps: readonly StepTemplate[];
  /** What `tasker schedule apply` and `client.applySchedules` make of it is in the database. */
  readonly schedules: readonly WorkflowSchedule[];
  /** Exists for the compiler only. */
  readonly [RESULTS]?: Results;
}

/** The input that a submit of this workflow takes. */
export type InputOf<Definition> =
  Definition extends WorkflowDefinition<infer Schema, unknown> ? SchemaInput<Schema> : never;

/** The results of a task of this workflow, by step name. */
export type ResultsOf<Definition> =
  Definition extends WorkflowDefinition<StandardSchema, infer Results> ? Results : never;
