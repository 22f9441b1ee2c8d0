import type { CallersTransaction } from '../db/connections/callers-transaction.ts';
import { demandMethods } from './demand-methods.ts';
import { rowsOf } from './rows-of.ts';

/** What postgres.js passes to the callback of `sql.begin`. `sql` itself has no `savepoint`. */
export interface PostgresJsTransaction {
  unsafe(query: string, parameters?: never[]): PromiseLike<unknown>;
  typed(value: never, oid: number): unknown;
  savepoint(...given: never[]): unknown;
}

/** The pseudo type of a literal: the server infers the type, and postgres.js sends the text as it is. It would encode JSON a second time. */
const UNKNOWN_OID = 705;

const GIVEN = {
  what: 'a transaction of postgres.js',
  pass: 'fromPostgresJs(tx), with the tx of sql.begin(async (tx) => ...), before that callback ends',
};

/** For `sql.begin(async (tx) => ...)` of postgres.js. */
export function fromPostgresJs(tx: PostgresJsTransaction): CallersTransaction {
  demandMethods(tx, ['unsafe', 'typed', 'savepoint'], GIVEN.pass);
  return {
    given: GIVEN,
    query: async ({ text, values = [] }) => {
      const typed = values.map((value) => (value === null ? null : tx.typed(value as never, UNKNOWN_OID)));
      return { rows: rowsOf(await tx.unsafe(text, typed as never[])) };
    },
  };
}
