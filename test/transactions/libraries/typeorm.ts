import { DataSource, EntitySchema } from 'typeorm';
import { fromTypeOrm } from '../../../src/transactions/index.ts';
import type { OpenLibrary } from './library.ts';

const Order = new EntitySchema<{ id: string }>({
  name: 'Order',
  tableName: 'orders',
  columns: { id: { type: 'text', primary: true } },
});

export const openTypeOrm: OpenLibrary = async (url) => {
  const dataSource = new DataSource({ type: 'postgres', url, entities: [Order], poolSize: 2 });
  await dataSource.initialize();
  return {
    handle: dataSource,
    inTransaction: (work) =>
      dataSource.transaction((manager) =>
        work({ transaction: fromTypeOrm(manager), bare: manager, insertOrder: (id) => manager.insert(Order, { id }) }),
      ),
    // The manager of a DataSource has the type of a transaction's.
    outside: async () => ({ given: fromTypeOrm(dataSource.manager) }),
    close: () => dataSource.destroy(),
  };
};
