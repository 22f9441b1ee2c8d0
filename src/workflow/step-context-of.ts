import type { StepContext } from './definition.ts';
import type { Jsonify } from './json.ts';
import type { SchemaOutput, StandardSchema } from './standard-schema.ts';

type Handler = (...args: never) => unknown;

/** Of each member of a union: what a child receives of this handler; null stays null. */
type ResultOf<Parent> = Parent extends (...args: never) => infer Result ? Jsonify<Awaited<Result>> : Parent;

/**
 * The context of a handler in a file of its own: from the workflow's input schema and the handlers of the step's parents, so that
 * no type refers to the workflow, whose type comes from its handlers.
 *
 *     export async function price({ input, parents }: StepContextOf<typeof orderInput, { validate: typeof validate }>) { ... }
 *
 * A parent that a submit may skip can be null: `{ gift: typeof gift | null }`. The workflow's `step` compares the context with the
 * step's input and parents.
 */
export type StepContextOf<
  Schema extends StandardSchema,
  Parents extends Readonly<Record<string, Handler | null>> = Record<never, never>,
> = StepContext<SchemaOutput<Schema>, { readonly [Name in keyof Parents]: ResultOf<Parents[Name]> }>;
