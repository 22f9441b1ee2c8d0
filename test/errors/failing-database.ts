import type { Database, Executor } from '../../src/db/connections/database.ts';

/** When a statement fails: before the server receives it, or after it has committed and before its response arrives. */
export type Moment = 'before' | 'after';

/** The first statement with each of these names fails with `thrown`; every other one runs. */
export function failingDatabase(
  db: Database,
  names: readonly RegExp[],
  thrown: unknown,
  moment: Moment,
): Database & { failed: number } {
  const left = [...names];
  const counted = { failed: 0 };
  const guard =
    (executor: Executor): Executor['run'] =>
    async (statement, ...values) => {
      const index = left.findIndex((name) => name.test(statement.name));
      if (index < 0) return executor.run(statement, ...values);
      left.splice(index, 1);
      counted.failed += 1;
      if (moment === 'after') await executor.run(statement, ...values);
      throw thrown;
    };
  return {
    schema: db.schema,
    proxied: db.proxied,
    plans: db.plans,
    pool: db.pool,
    run: guard(db),
    transaction: (work) => db.transaction((tx) => work({ ...tx, run: guard(tx) })),
    close: () => db.close(),
    get failed() {
      return counted.failed;
    },
  };
}
