import type { Violation } from './audit.ts';
import type { Query } from './reference/dump.ts';

export interface Amcheck {
  /** What was checked, or that the server does not have the extension. */
  checked: string;
  violations: Violation[];
}

/**
 * Checks tables and indexes for corruption after the crashes: each row of each table is in each of its B-tree indexes, and each page
 * and row is well-formed. Needs a superuser and no other sessions at work.
 */
export async function amcheck(query: Query): Promise<Amcheck> {
  const available = await query(`SELECT FROM pg_available_extensions WHERE name = 'amcheck'`);
  if (available.length === 0) return { checked: 'not available', violations: [] };
  await query('CREATE EXTENSION IF NOT EXISTS amcheck');
  const relations = await query<{ oid: number; name: string; kind: 'index' | 'table' }>(
    `SELECT c.oid, c.relname AS name, CASE WHEN c.relkind = 'i' THEN 'index' ELSE 'table' END AS kind
     FROM pg_class c
     LEFT JOIN pg_am a ON a.oid = c.relam
     WHERE c.relnamespace = 'tasker'::regnamespace AND (c.relkind = 'r' OR (c.relkind = 'i' AND a.amname = 'btree'))`,
  );
  const violations: Violation[] = [];
  for (const { oid, name, kind } of relations) {
    try {
      const found =
        kind === 'index'
          ? await query<{ msg: string }>(
              `SELECT bt_index_check(index => $1::oid::regclass, heapallindexed => true)::text AS msg`,
              [oid],
            ).then(() => [])
          : await query<{ msg: string }>(
              `SELECT blkno, offnum, msg FROM verify_heapam($1::oid::regclass, check_toast => true) LIMIT 5`,
              [oid],
            );
      for (const row of found) violations.push({ kind: `amcheck ${kind}`, detail: `${name}: ${JSON.stringify(row)}` });
    } catch (error) {
      violations.push({ kind: `amcheck ${kind}`, detail: `${name}: ${String(error)}` });
    }
  }
  const count = (wanted: string): number => relations.filter(({ kind }) => kind === wanted).length;
  return { checked: `${count('index')} indexes and ${count('table')} tables`, violations };
}
