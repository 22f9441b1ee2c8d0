import { EntitySchema, MikroORM } from '@mikro-orm/postgresql';
import { fromMikroOrm } from '../../../src/transactions/index.ts';
import type { OpenLibrary } from './library.ts';

const Order = new EntitySchema<{ id: string }>({
  name: 'Order',
  tableName: 'orders',
  properties: { id: { type: 'text', primary: true } },
});

export const openMikroOrm: OpenLibrary = async (url) => {
  const orm = await MikroORM.init({ clientUrl: url, entities: [Order], pool: { min: 0, max: 2 } });
  return {
    handle: orm.em,
    inTransaction: (work) =>
      orm.em
        .fork()
        .transactional((em) =>
          work({ transaction: fromMikroOrm(em), bare: em, insertOrder: (id) => em.insert(Order, { id }) }),
        ),
    outside: async () => ({ given: fromMikroOrm(orm.em.fork()) }),
    close: () => orm.close(),
  };
};
