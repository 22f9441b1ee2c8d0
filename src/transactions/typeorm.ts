import type { CallersTransaction } from '../db/connections/callers-transaction.ts';
import { demandMethods } from './demand-methods.ts';
import { rowsOf } from './rows-of.ts';

/** An EntityManager or a QueryRunner of TypeORM. */
export interface TypeOrmTransaction {
  query(query: string, parameters?: never[]): Promise<unknown>;
}

const GIVEN = {
  what: 'an EntityManager or QueryRunner of TypeORM',
  pass: 'fromTypeOrm(manager), with the manager of dataSource.transaction(async (manager) => ...), before that callback ends, or a QueryRunner after its startTransaction()',
};

/** For `dataSource.transaction(async (manager) => ...)`, and for a QueryRunner after `startTransaction()`. */
export function fromTypeOrm(transaction: TypeOrmTransaction): CallersTransaction {
  demandMethods(transaction, ['query'], GIVEN.pass);
  return {
    given: GIVEN,
    query: async ({ text, values = [] }) => ({ rows: rowsOf(await transaction.query(text, values as never[])) }),
  };
}
