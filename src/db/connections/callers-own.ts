import { inCallersTransaction } from './callers-transaction.ts';
import type { Database, Executor } from './database.ts';

/** As a verb takes it for a transaction of its caller. */
export interface GivenClient {
  query(config: { text: string; values?: unknown[] }): Promise<{ rows: unknown[] }>;
}

/**
 * Runs `work` in one READ COMMITTED transaction, in which verbs can take part as in one of a program's own. Not repeated: what the work
 * decides outside of the database would be decided twice.
 */
export async function inOneTransaction<T>(
  db: Database,
  work: (tx: Executor, client: GivenClient) => Promise<T>,
): Promise<T> {
  const client = await db.pool.connect();
  let broken: Error | undefined;
  try {
    await client.query(`BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL idle_in_transaction_session_timeout = '10s'`);
    const result = await work(inCallersTransaction(client, db.schema), client);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch((failure: Error) => (broken = failure));
    throw error;
  } finally {
    client.release(broken);
  }
}
