import type { CallersTransaction } from '../db/connections/callers-transaction.ts';
import { demandMethods } from './demand-methods.ts';
import { rowsOf } from './rows-of.ts';

/** A transaction of Knex; Knex itself has no `commit`. */
export interface KnexTransaction {
  raw(sql: string, bindings: readonly never[]): PromiseLike<unknown>;
  commit(value?: never): unknown;
}

const GIVEN = {
  what: 'a transaction of Knex',
  pass: 'fromKnex(trx), with the trx of knex.transaction(async (trx) => ...), before its end',
};

/** For `knex.transaction(async (trx) => ...)`, and for `await knex.transaction()`. */
export function fromKnex(trx: KnexTransaction): CallersTransaction {
  demandMethods(trx, ['raw', 'commit'], GIVEN.pass);
  return {
    given: GIVEN,
    query: async ({ text, values = [] }) => {
      const { sql, bindings } = questionMarks(text, values);
      return { rows: rowsOf(await trx.raw(sql, bindings as never[])) };
    },
  };
}

/** Knex numbers its own `?`: each `$n` is one of them, and its value is given as often as it is used. */
function questionMarks(text: string, values: readonly unknown[]): { sql: string; bindings: unknown[] } {
  const bindings: unknown[] = [];
  const sql = text.replaceAll('?', String.raw`\?`).replaceAll(/\$(\d+)/g, (_, place: string) => {
    bindings.push(values[Number(place) - 1]);
    return '?';
  });
  return { sql, bindings };
}
