import { type Kysely, sql } from 'kysely';

/** Task ids, both ends included, that enclose at most one page of tasks. */
export interface Page {
  from: string;
  to: string;
}

/** Tasks in one transaction: long enough that commits do not dominate, short enough that a killed migration loses seconds. */
const PAGE = 1000;

/**
 * Pages of existing task ids in ascending order, by keyset: each costs one scan of its part of the primary key, however far
 * apart the ids are (identity columns with gaps, ids of 10^9, time-ordered ids of 18 digits).
 */
export async function* taskPages(db: Kysely<unknown>, size = PAGE): AsyncGenerator<Page> {
  for (let page = await pageAfter(db, null, size); page !== undefined; page = await pageAfter(db, page.to, size)) {
    yield page;
  }
}

async function pageAfter(db: Kysely<unknown>, after: string | null, size: number): Promise<Page | undefined> {
  const { rows } = await sql<{ from: string | null; to: string | null }>`
    SELECT min(p.task_id) AS "from", max(p.task_id) AS "to"
    FROM (
      SELECT t.task_id FROM tasker.tasker_tasks t
      WHERE ${after === null ? sql`true` : sql`t.task_id > ${after}`}
      ORDER BY t.task_id
      LIMIT ${sql.lit(size)}
    ) p`.execute(db);
  const { from, to } = rows[0] ?? { from: null, to: null };
  return from === null || to === null ? undefined : { from, to };
}
