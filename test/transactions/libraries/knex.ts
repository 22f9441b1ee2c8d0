import knexOf from 'knex';
import { fromKnex } from '../../../src/transactions/index.ts';
import type { OpenLibrary } from './library.ts';

export const openKnex: OpenLibrary = async (url) => {
  const knex = knexOf({ client: 'pg', connection: url, pool: { min: 0, max: 2 } });
  return {
    handle: knex,
    inTransaction: (work) =>
      knex.transaction((trx) =>
        work({ transaction: fromKnex(trx), bare: trx, insertOrder: (id) => trx('orders').insert({ id }) }),
      ),
    async outside() {
      const ended = await knex.transaction();
      await ended.commit();
      return { given: fromKnex(ended) };
    },
    close: () => knex.destroy(),
  };
};
