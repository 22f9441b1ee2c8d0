import type { Database } from '../../src/db/connections/database.ts';

export async function rows<Row extends object>(db: Database, text: string, values?: unknown[]): Promise<Row[]> {
  return (await db.pool.query<Row & Record<string, unknown>>(text, values)).rows;
}
