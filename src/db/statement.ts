import { compileParameters } from './compile-parameters.ts';
import type { ParameterSpecs, ParametersOf } from './parameter-types.ts';

export { rows } from './parameter-types.ts';

/**
 * One SQL statement. `name`: of its prepared statement on each connection, and the label of its duration in the metrics.
 * `Arguments`: what `db.run` takes after the statement; one object of named parameters, or nothing.
 */
export interface Statement<Row extends object = Record<string, unknown>, Arguments extends readonly unknown[] = []> {
  readonly name: string;
  /** With `$1`, `$2`, ... in place of the named parameters. */
  readonly text: string;
  /** The values of `$1`, `$2`, ... */
  values(...given: Arguments): readonly unknown[];
  /** Never set: carries the row type. */
  readonly row?: Row;
}

/** A statement of any rows and parameters: for lists of statements. */
export type AnyStatement = Pick<Statement, 'name' | 'text'>;

/**
 * Defines a statement with typed, named parameters:
 *
 *     export const releaseSteps = defineStatement<ReleasedStepRow>()({
 *       name: 'release_steps',
 *       params: { steps: rows({ task_id: 'bigint', claim_id: 'uuid' }), worker_id: 'bigint', reason: 'text | null' },
 *       text: `... FROM :steps AS i WHERE s.task_id = i.task_id AND s.claimed_by = :worker_id ...`,
 *     });
 *     await db.run(releaseSteps, { steps: [{ task_id, claim_id }], worker_id, reason: null });
 *
 * The text is compiled once, when the statement is first used. In it
 *
 *     :worker_id                         is $n; a cast, where PostgreSQL needs one, is written in the text
 *     :steps AS i                        is unnest($n::bigint[], $m::uuid[]) AS i (task_id, claim_id)
 *     :steps WITH ORDINALITY AS i        is the same with a last column `ordinality`
 *     :steps (claim_id) AS i             is unnest($m::uuid[]) AS i (claim_id)
 *     :steps.claim_id                    is $m::uuid[]
 *
 * in the order of `params`. A name that is not in `params`, and a parameter that the text does not use, are errors of the first use; a test
 * uses each statement.
 */
export function defineStatement<Row extends object>() {
  return <const Specs extends ParameterSpecs = Record<never, never>>(definition: {
    name: string;
    params?: Specs;
    text: string;
  }): Statement<Row, keyof Specs extends never ? [] : [params: ParametersOf<Specs>]> => {
    // A program uses a few of the statements that it loads, and to compile all of them would take longer than to load them.
    let compiled: ReturnType<typeof compileParameters> | undefined;
    const compile = () => (compiled ??= compileParameters(definition.name, definition.params ?? {}, definition.text));
    return {
      name: definition.name,
      get text() {
        return compile().text;
      },
      values: (...given: readonly unknown[]) => compile().values(...(given as [])),
    };
  };
}
