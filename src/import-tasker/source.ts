import type { Executor } from '../db/connections/database.ts';
import type { Statement } from '../db/statement.ts';
import type { TaskerClass } from '../db/tasker-schemas.ts';
import { inSource } from '../db/statements/imports/in-source.ts';

/** The tables of Tasker (Ruby), and how to read them. */
export interface Source {
  readonly schema: string;
  readonly class: Exclude<TaskerClass, 'E'>;
  /** Of its times. */
  readonly timeZone: string;
  /** In the books: the database and the schema. */
  readonly label: string;
  /** Whether it lies in the database of the engine, so that one transaction can do both. */
  readonly same: boolean;
  readonly hasAnnotations: boolean;
  /** Releases before 1.2 have none: a step has one parent there, in a column of its own. */
  readonly hasEdges: boolean;
  /** Where the key of a task is in its context: a path for each named task whose open tasks get the identity of a key. */
  readonly keyPaths: ReadonlyMap<number, string>;
  /** What Tasker itself has to say about the readiness of steps; undefined: neither is there. */
  readonly readiness: 'view' | 'function' | undefined;
  /** Outside of a transaction. */
  readonly db: Executor;
}

/** Releases before 2.0 have states in columns and no transitions. */
export const hasTransitions = (source: Source): boolean => source.class !== 'A' && source.class !== 'A0';

/** Runs a statement about the source's tables; `on` is a transaction in the same database, by default none. */
export async function read<Row extends object, Given extends readonly unknown[]>(
  source: Source,
  statement: Statement<Row, Given>,
  given: Given,
  on: Executor = source.db,
): Promise<Row[]> {
  return on.run(inSource(statement, source.schema), ...given);
}
