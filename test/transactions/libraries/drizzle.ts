import { drizzle as drizzleOnPg } from 'drizzle-orm/node-postgres';
import { drizzle as drizzleOnPostgresJs } from 'drizzle-orm/postgres-js';
import { pgTable, text } from 'drizzle-orm/pg-core';
import pg from 'pg';
import postgres from 'postgres';
import { fromDrizzle } from '../../../src/transactions/index.ts';
import type { Library, OpenLibrary } from './library.ts';

const orders = pgTable('orders', { id: text('id').primaryKey() });

export const openDrizzleOnPg: OpenLibrary = async (url) => {
  const pool = new pg.Pool({ connectionString: url, max: 2 });
  const db = drizzleOnPg(pool, { casing: 'snake_case' });
  return {
    handle: db,
    inTransaction: (work) =>
      db.transaction((tx) =>
        work({
          transaction: fromDrizzle(tx),
          bare: tx,
          insertOrder: (id) => tx.insert(orders).values({ id }),
        }),
      ),
    outside: async () => ({ given: fromDrizzle(await db.transaction(async (tx) => tx)) }),
    close: () => pool.end(),
  } satisfies Library;
};

export const openDrizzleOnPostgresJs: OpenLibrary = async (url) => {
  const sql = postgres(url, { max: 2, onnotice: () => undefined });
  const db = drizzleOnPostgresJs(sql);
  return {
    handle: db,
    inTransaction: (work) =>
      db.transaction((tx) =>
        work({
          transaction: fromDrizzle(tx),
          bare: tx,
          insertOrder: (id) => tx.insert(orders).values({ id }),
        }),
      ),
    outside: async () => ({ given: fromDrizzle(await db.transaction(async (tx) => tx)) }),
    close: () => sql.end(),
  } satisfies Library;
};
