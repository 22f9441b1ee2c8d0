import { HISTORY } from '../partitions/history-tables.ts';
import type { Check } from './check.ts';

/** Ranges of ids that have no partition, of each table of history. */
export const HISTORY_GAPS = `
      SELECT g.history, g.name, g.gap_from, g.from_task AS gap_until
      FROM (
        SELECT b.history, b.name, b.from_task, coalesce(lag(b.until_task) OVER places, 'MINVALUE') AS gap_from
        FROM (
          SELECT h.history, p.relname AS name, e.from_task, e.until_task
          FROM unnest(${HISTORY}) AS h (history)
          JOIN pg_class p ON p.oid = h.history AND p.relkind = 'p'
          CROSS JOIN LATERAL (
            SELECT substring(pg_get_expr(c.relpartbound, c.oid) FROM 'FROM \\(''?(\\w+)') AS from_task,
              substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \\(''?(\\w+)') AS until_task
            FROM pg_inherits i
            JOIN pg_class c ON c.oid = i.inhrelid
            WHERE i.inhparent = h.history
            UNION ALL
            VALUES ('MAXVALUE', NULL)
          ) e
        ) b
        WINDOW places AS (PARTITION BY b.history ORDER BY
          CASE b.from_task WHEN 'MINVALUE' THEN -1 WHEN 'MAXVALUE' THEN 9223372036854775807 ELSE b.from_task::bigint END)
      ) g
      WHERE g.gap_from <> g.from_task`;

/** Invariants of the partitions of the history. */
export const partitionChecks: Check[] = [
  {
    id: 'history_has_its_place',
    title: 'the partitions of the history cover every id of a task',
    why: 'A partition was dropped or detached by hand: steps of tasks in that range can neither be claimed nor end. Attach it again, or create an empty one with the statement in `mend`.',
    sql: `SELECT g.history::text AS history, g.gap_from, g.gap_until FROM (${HISTORY_GAPS}) g`,
  },
];
