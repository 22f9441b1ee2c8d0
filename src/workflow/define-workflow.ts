import type { AnyJson } from './any-json.ts';
import {
  type StepInput,
  type WorkflowOptions as UntypedOptions,
  buildDefinition,
  findStepProblems,
  findWorkflowProblems,
  throwProblems,
} from './build-definition.ts';
import type { StepContext, StepDefaults, StepHandler, StepOptions, WorkflowDefinition } from './definition.ts';
import type { Jsonify, Storable } from './json.ts';
import type { KeepPolicy } from '../keep-policy.ts';
import type { ReuseRule } from './reuse.ts';
import type { WorkflowSchedule } from './schedule-options.ts';
import { findScheduleProblems } from './schedule-problems.ts';
import type { SchemaInput, SchemaOutput, StandardSchema } from './standard-schema.ts';

/** What a workflow is, apart from its steps. */
export interface WorkflowOptions<
  Schema extends StandardSchema = AnyJson,
  Skippable extends boolean = false,
> extends UntypedOptions<Schema> {
  /** Options of every step that does not set its own. */
  defaults?: StepDefaults & { skippable?: Skippable };
}

type StepNames<Results> = keyof Results & string;

/** The name itself, or a type error if it is taken. */
type FreshName<Name extends string, Results> = string extends Name
  ? Name
  : Name extends keyof Results
    ? `step "${Name}" is already defined`
    : Name;

/** The result of a step that a submit may skip can be null. */
type StepResult<Result, Skippable extends boolean> = true extends Skippable ? Jsonify<Result> | null : Jsonify<Result>;

/**
 * A definition that grows by one step per call and is a WorkflowDefinition at every point: checked as a whole when one of
 * its properties is first read, or by `build()`. Immutable: `step` returns a new one.
 */
export interface Workflow<
  Schema extends StandardSchema,
  Results,
  SkippableDefault extends boolean = false,
> extends WorkflowDefinition<Schema, Results> {
  /**
   * Adds a step. `name`: 1 to 128 characters a-z, 0-9 and _, the first a letter. The handler's result has to be JSON.
   * Throws WorkflowDefinitionError for bad names and options.
   */
  step<const Name extends string, Result>(
    name: FreshName<Name, Results>,
    handler: (
      context: StepContext<SchemaOutput<Schema>, Readonly<Record<never, never>>>,
    ) => (Result | PromiseLike<Result>) & Storable<Result>,
  ): Workflow<Schema, Results & Record<Name, StepResult<Result, SkippableDefault>>, SkippableDefault>;
  step<
    const Name extends string,
    Result,
    const Parent extends StepNames<Results> = never,
    const Skippable extends boolean = SkippableDefault,
    const Used extends StepNames<Results> = never,
  >(
    name: FreshName<Name, Results>,
    options: StepOptions<Parent, Used> & { skippable?: Skippable },
    handler: (
      context: StepContext<SchemaOutput<Schema>, { readonly [Key in Parent | NoInfer<Used>]: Results[Key] }>,
    ) => (Result | PromiseLike<Result>) & Storable<Result>,
  ): Workflow<Schema, Results & Record<Name, StepResult<Result, Skippable>>, SkippableDefault>;

  /**
   * Adds a schedule, which submits this workflow by cron once it is applied: `tasker schedule apply` or `client.applySchedules`, in
   * a deployment. Throws WorkflowDefinitionError for a bad key and unknown options.
   */
  schedule(schedule: WorkflowSchedule<SchemaInput<Schema>>): Workflow<Schema, Results, SkippableDefault>;

  /** The definition as a plain, frozen value. Throws WorkflowDefinitionError if the steps are not a DAG. */
  build(): WorkflowDefinition<Schema, Results>;
}

/**
 * Begins a workflow: `defineWorkflow({ name, input }).step('a', handler).step('b', { dependsOn: ['a'] }, handler)`. Without the schema
 * `input` a task takes any JSON. Throws WorkflowDefinitionError for bad options.
 */
export function defineWorkflow<Schema extends StandardSchema = AnyJson, const Skippable extends boolean = false>(
  options: WorkflowOptions<Schema, Skippable>,
): Workflow<Schema, Record<never, never>, Skippable> {
  throwProblems(options, findWorkflowProblems(options));
  const defaults =
    options.defaults === undefined ? {} : { defaults: { ...options.defaults, ...copyLists(options.defaults) } };
  return new Builder({ ...options, ...defaults }, undefined, []) as unknown as Workflow<
    Schema,
    Record<never, never>,
    Skippable
  >;
}

/** Linked from the last step to the first, so that adding a step to thousands copies nothing. */
interface Link {
  readonly step: StepInput;
  readonly before: Link | undefined;
}

class Builder implements WorkflowDefinition {
  readonly #options: UntypedOptions;
  readonly #last: Link | undefined;
  readonly #schedules: readonly WorkflowSchedule[];
  #definition: WorkflowDefinition | undefined;

  constructor(options: UntypedOptions, last: Link | undefined, schedules: readonly WorkflowSchedule[]) {
    this.#options = options;
    this.#last = last;
    this.#schedules = schedules;
    Object.freeze(this);
  }

  step(name: string, ...rest: [StepHandler] | [StepOptions, StepHandler]): Builder {
    const [options, handler] = rest.length === 1 ? [undefined, rest[0]] : rest;
    const step = { name, options, handler };
    throwProblems(this.#options, findStepProblems(step));
    const copy = options === undefined ? undefined : { ...options, ...copyLists(options) };
    return new Builder(this.#options, { step: { ...step, options: copy }, before: this.#last }, this.#schedules);
  }

  schedule(schedule: WorkflowSchedule): Builder {
    throwProblems(
      this.#options,
      findScheduleProblems(schedule, this.#schedules).map((message) => ({ message })),
    );
    return new Builder(this.#options, this.#last, [...this.#schedules, Object.freeze({ ...schedule })]);
  }

  build(): WorkflowDefinition {
    if (this.#definition === undefined) {
      const steps: StepInput[] = [];
      for (let link = this.#last; link !== undefined; link = link.before) steps.push(link.step);
      this.#definition = buildDefinition(this.#options, steps.toReversed(), this.#schedules);
    }
    return this.#definition;
  }

  get namespace() {
    return this.build().namespace;
  }
  get name() {
    return this.build().name;
  }
  get version() {
    return this.build().version;
  }
  get description() {
    return this.build().description;
  }
  get inputSchema() {
    return this.build().inputSchema;
  }
  get identity() {
    return this.build().identity;
  }
  get reuse() {
    return this.build().reuse as ReuseRule;
  }
  get reuseAfterSeconds() {
    return this.build().reuseAfterSeconds as number;
  }
  get keep() {
    return this.build().keep as KeepPolicy;
  }
  get steps() {
    return this.build().steps;
  }
  get schedules() {
    return this.build().schedules;
  }
}

/** Copies, so that later changes by the caller do not change the definition. */
function copyLists(options: StepOptions): StepOptions {
  return {
    ...(options.dependsOn === undefined ? {} : { dependsOn: [...options.dependsOn] }),
    ...(options.uses === undefined ? {} : { uses: [...options.uses] }),
    ...(options.backoff === undefined ? {} : { backoff: { ...options.backoff } }),
  };
}

/** The plain definition behind a workflow, whether or not `build()` was called. */
export function plainDefinition(definition: WorkflowDefinition): WorkflowDefinition {
  // Not instanceof: a program may have two copies of this library.
  const { build } = definition as { build?: unknown };
  return typeof build === 'function' ? (build.call(definition) as WorkflowDefinition) : definition;
}
