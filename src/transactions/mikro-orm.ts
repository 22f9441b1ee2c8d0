import type { CallersTransaction, GivenTransaction } from '../db/connections/callers-transaction.ts';
import { type KyselyTransaction, queryKysely } from '../db/connections/kysely-transaction.ts';
import { InvalidInputError } from '../errors.ts';
import { demandMethods } from './demand-methods.ts';
import { fromKnex, type KnexTransaction } from './knex.ts';

/** An EntityManager of MikroORM. */
export interface MikroOrmTransaction {
  getTransactionContext(): unknown;
}

const GIVEN: GivenTransaction = {
  what: 'an EntityManager of MikroORM',
  pass: 'fromMikroOrm(em), with the em of orm.em.transactional(async (em) => ...), before that callback ends',
};

/**
 * For `orm.em.transactional(async (em) => ...)`, and for an `em` between `begin` and `commit`. MikroORM has a transaction of Kysely below
 * it, and before version 7 one of Knex.
 */
export function fromMikroOrm(em: MikroOrmTransaction): CallersTransaction {
  demandMethods(em, ['getTransactionContext'], GIVEN.pass);
  return {
    given: GIVEN,
    query: async (config) => {
      const context = em.getTransactionContext();
      if (context === undefined) {
        throw new InvalidInputError(`transaction is ${GIVEN.what} without an open transaction: pass ${GIVEN.pass}`, {
          field: 'transaction',
        });
      }
      if (typeof context === 'object' && context !== null && 'executeQuery' in context)
        return queryKysely(context as KyselyTransaction, config);
      const knex = fromKnex(context as KnexTransaction) as Exclude<CallersTransaction, KyselyTransaction>;
      return knex.query(config);
    },
  };
}
