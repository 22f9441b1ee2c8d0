import type { Executor } from '../db/connections/database.ts';
import { sqlState } from '../db/connections/sql-errors.ts';
import { checkJsonPath } from '../db/statements/imports/source.ts';
import { InvalidInputError } from '../errors.ts';
import { namedTasksOf } from './selected-workflows.ts';
import type { Registry } from './workflows.ts';

/** SQLSTATE of a text that is no SQL/JSON path. */
const SYNTAX_ERROR = '42601';

/** The path to the key of each named task that `--identity` names. Throws InvalidInputError for an unknown workflow, and for what is no path. */
export async function keyPathsOf(
  db: Executor,
  registry: Registry,
  identity: Readonly<Record<string, string>>,
): Promise<ReadonlyMap<number, string>> {
  const paths = new Map<number, string>();
  for (const [workflow, path] of Object.entries(identity)) {
    const ids = namedTasksOf(registry, workflow, '--identity');
    try {
      await db.run(checkJsonPath, { path });
    } catch (error) {
      if (sqlState(error) !== SYNTAX_ERROR) throw error;
      throw new InvalidInputError(
        `--identity is ${JSON.stringify(`${workflow}=${path}`)}: give an SQL/JSON path to the key in the context, such as ${workflow}=$.order_id`,
        { field: '--identity' },
      );
    }
    for (const id of ids) paths.set(id, path);
  }
  return paths;
}
