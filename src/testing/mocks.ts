import { types } from 'node:util';
import { InvalidInputError } from '../errors.ts';
import { plainDefinition } from '../workflow/define-workflow.ts';
import type { StepContext, StepHandler, WorkflowDefinition } from '../workflow/definition.ts';
import { didYouMean } from '../workflow/did-you-mean.ts';
import type { SchemaOutput, StandardSchema } from '../workflow/standard-schema.ts';
import type { Untyped } from './untyped.ts';

type AnyParents = Readonly<Record<string, Untyped>>;

/** Instead of a step's handler: a function that is called as it would be, an error that each attempt throws, or the result. */
export type StepMock<Result = unknown, Input = unknown> =
  | ((context: StepContext<Input, AnyParents>) => Result | PromiseLike<Result>)
  | Error
  | Result;

/** By step name. */
export type Mocks<Schema extends StandardSchema, Results> = unknown extends Results
  ? Readonly<Record<string, unknown>>
  : { readonly [Name in keyof Results]?: StepMock<Results[Name], SchemaOutput<Schema>> };

/** Any one mock; written so that functions among them get the type of their parameter. */
type AnyMock = ((context: StepContext<Untyped, AnyParents>) => unknown) | object | string | number | boolean | null;

type ResultOf<Mock> = Mock extends Error
  ? never
  : Mock extends (...args: never[]) => infer Result
    ? Awaited<Result>
    : Mock;

/**
 * A mock that behaves differently from attempt to attempt: the first of `mocks` at the first attempt, the second at the second; the
 * last stays. `inTurn(new Error('busy'), { id: 7 })` fails once.
 */
export function inTurn<Given extends [AnyMock, ...AnyMock[]]>(
  ...mocks: Given
): (context: StepContext<Untyped, AnyParents>) => PromiseLike<ResultOf<Given[number]>> {
  return async (context) =>
    (await handlerOf(mocks[Math.min(context.attempt, mocks.length) - 1])(context)) as ResultOf<Given[number]>;
}

/** The definition with `mocks` in place of its handlers. Throws InvalidInputError for a mock of a step that is not there. */
export function withMocks(workflow: WorkflowDefinition, mocks: Readonly<Record<string, unknown>>): WorkflowDefinition {
  const definition = plainDefinition(workflow);
  const names = definition.steps.map(({ name }) => name);
  for (const name of Object.keys(mocks)) {
    if (names.includes(name)) continue;
    throw new InvalidInputError(
      `mocks names "${name}", which is no step of workflow ${definition.namespace}/${definition.name}${didYouMean(name, names) || `: its steps are ${names.join(', ')}`}`,
      { field: 'mocks' },
    );
  }
  return {
    ...definition,
    steps: definition.steps.map((step) =>
      mocks[step.name] === undefined ? step : { ...step, handler: handlerOf(mocks[step.name]) },
    ),
  };
}

function handlerOf(mock: unknown): StepHandler {
  if (typeof mock === 'function') return mock as StepHandler;
  if (types.isNativeError(mock)) {
    return () => {
      throw mock;
    };
  }
  return () => mock;
}
