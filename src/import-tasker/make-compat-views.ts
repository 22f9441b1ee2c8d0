import { type CompatForm, compatStatements } from '../db/compat-views.ts';
import type { Database } from '../db/connections/database.ts';
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
  await db.transaction(async (tx) => {
    for (const [index, text] of statements.entries())
      await tx.run(defineStatement()({ name: `compat_${form}_${index}@${target}`, text }));
  });
  return statements.length - 1;
}
