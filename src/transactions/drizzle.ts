import type { CallersTransaction } from '../db/connections/callers-transaction.ts';
import { demandMethods } from './demand-methods.ts';
import { rowsOf } from './rows-of.ts';

/** What Drizzle passes to the callback of `db.transaction`. A database without a transaction has no `rollback`. */
export interface DrizzleTransaction {
  execute(query: never): PromiseLike<unknown>;
  rollback(): never;
}

const GIVEN = {
  what: 'a transaction of Drizzle',
  pass: 'fromDrizzle(tx), with the tx of db.transaction(async (tx) => ...), before that callback ends',
};

/** For `db.transaction(async (tx) => ...)` of Drizzle, on node-postgres or postgres.js. */
export function fromDrizzle(tx: DrizzleTransaction): CallersTransaction {
  demandMethods(tx, ['execute', 'rollback'], GIVEN.pass);
  return {
    given: GIVEN,
    query: async ({ text, values = [] }) => {
      // Drizzle executes anything that has `getSQL`, and compiles it with `toQuery`: here it is compiled already.
      const query = { getSQL: () => ({ toQuery: () => ({ sql: text, params: values }) }) };
      return { rows: rowsOf(await tx.execute(query as never)) };
    },
  };
}
