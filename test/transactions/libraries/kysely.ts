import { CamelCasePlugin, Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import type { OpenLibrary } from './library.ts';

/** With the plugin that renames the columns of every result. */
export const openKysely: OpenLibrary = async (url) => {
  const db = new Kysely<{ orders: { id: string } }>({
    dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString: url, max: 2 }) }),
    plugins: [new CamelCasePlugin()],
  });
  return {
    handle: db,
    inTransaction: (work) =>
      db.transaction().execute((trx) =>
        work({
          transaction: trx,
          bare: trx,
          insertOrder: (id) => trx.insertInto('orders').values({ id }).execute(),
        }),
      ),
    // Kysely has no way to pass a connection that looks like a transaction, except one that ended.
    outside: async () => ({ given: await db.transaction().execute(async (trx) => trx) }),
    close: () => db.destroy(),
  };
};
