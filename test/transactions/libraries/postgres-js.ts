import postgres from 'postgres';
import { fromPostgresJs, type PostgresJsTransaction } from '../../../src/transactions/index.ts';
import type { OpenLibrary } from './library.ts';

/** With all options that change what comes back: renamed columns, BigInt, no types of arrays. */
export const openPostgresJs: OpenLibrary = async (url) => {
  const sql = postgres(url, {
    max: 2,
    transform: postgres.camel,
    types: { bigint: postgres.BigInt },
    fetch_types: false,
  });
  return {
    handle: sql,
    // Its own types unwrap what the callback returns.
    inTransaction: <T>(work: Parameters<Awaited<ReturnType<OpenLibrary>>['inTransaction']>[0]) =>
      sql.begin((tx) =>
        work({ transaction: fromPostgresJs(tx), bare: tx, insertOrder: (id) => tx`INSERT INTO orders VALUES (${id})` }),
      ) as Promise<T>,
    async outside() {
      let ended: PostgresJsTransaction | undefined;
      await sql.begin(async (tx) => void (ended = tx));
      return { given: fromPostgresJs(ended as PostgresJsTransaction) };
    },
    close: () => sql.end(),
  };
};
