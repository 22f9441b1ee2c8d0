import { type CompatForm, compatStatements } from '../db/compat-views.ts';
import type { Database } from '../db/connections/database.ts';
import { sqlState } from '../db/connections/sql-errors.ts';
import { requireSchema } from '../db/schema-check.ts';
import { findTaskerSchemas } from '../db/statements/imports/tasker-schemas.ts';
import { nameOf, recognize } from '../db/tasker-schemas.ts';
import { InvalidInputError, TaskerError } from '../errors.ts';
import { defineStatement } from '../db/statement.ts';

/** By the first release that had it. */
const FORMS: Readonly<Record<string, CompatForm>> = { '2.0': 'B', '2.3': 'D' };

/** Makes views with the names and columns of Tasker (Ruby) in a schema of their own. Returns how many statements were run. */
export async function makeCompatViews(db: Database, target: string, release: string): Promise<number> {
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(target))
    throw new InvalidInputError(`--compat-views is ${JSON.stringify(target)}: give the plain name of a schema`, {
      field: '--compat-views',
    });
  const form = FORMS[release];
  if (form === undefined)
    throw new InvalidInputError(
      `--compat-release is ${JSON.stringify(release)}: it is ${Object.keys(FORMS).join(' or ')}`,
      { field: '--compat-release' },
    );
  await requireSchema(db);
  const there = (await db.run(findTaskerSchemas)).find((row) => row.schema === target);
  if (there !== undefined)
    throw new TaskerError(
      'SCHEMA_OCCUPIED',
      `schema "${target}" has tables of ${nameOf(recognize(there))}: give --compat-views another schema`,
      { schema: target },
    );
  const statements = compatStatements(form, target, db.schema);
  await db
    .transaction(async (tx) => {
      for (const [index, text] of statements.entries())
        await tx.run(defineStatement()({ name: `compat_${form}_${index}@${target}`, text }));
    })
    .catch((error: unknown) => {
      if (!isAnotherShape(error)) throw error;
      throw new TaskerError(
        'SCHEMA_OCCUPIED',
        `schema "${target}" has views or functions of these names with other columns, which PostgreSQL does not replace (${(error as Error).message}): DROP SCHEMA "${target}" CASCADE if they are of an earlier version or of another --compat-release, or give --compat-views another schema`,
        { schema: target },
        { cause: error },
      );
    });
  return statements.length - 1;
}

/** Invalid table definition, invalid function definition, wrong object type: CREATE OR REPLACE keeps columns and kinds as they are. */
const isAnotherShape = (error: unknown): boolean => ['42P16', '42P13', '42809'].includes(sqlState(error) ?? '');
