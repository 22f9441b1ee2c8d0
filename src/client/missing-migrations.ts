import type { Database } from '../db/connections/database.ts';
import { isSchemaMissing } from '../db/connections/sql-errors.ts';
import { requireSchema } from '../db/schema-check.ts';

/**
 * The same database, for callers who know nothing of its tables: if a statement fails because a table or column is missing, the error
 * is a SchemaOutdatedError that names the missing migrations, instead of "column ... does not exist". All of the statement was rolled
 * back, so the call may be repeated after `tasker migrate up`. Costs nothing while statements succeed.
 */
export function namingMissingMigrations(db: Database): Database {
  const named = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      // Another program had made the first tables of an empty database, and has made the rest meanwhile.
      if (isSchemaMissing(error) && (await requireSchema(db))) return work();
      throw error;
    }
  };
  return {
    schema: db.schema,
    get plans() {
      return db.plans;
    },
    get proxied() {
      return db.proxied;
    },
    get pool() {
      return db.pool;
    },
    run: (statement, ...given) => named(() => db.run(statement, ...given)),
    transaction: (work) => named(() => db.transaction(work)),
    close: () => db.close(),
  };
}
