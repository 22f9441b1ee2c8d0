import { boundOf, HISTORY, USED } from '../partitions/history-tables.ts';
import { defineStatement } from '../statement.ts';

/** How many partitions each table of history has, and how many ids of tasks are left until its last one, which has no end, is in use (below 0: it is). */
export const historyPartitions = defineStatement<{ relation: string; partitions: number; ids_ahead: number }>()({
  name: 'history_partitions',
  text: `
SELECT p.relname AS relation, count(*)::integer AS partitions,
  (max(${boundOf('FROM')}) - 1 - ${USED})::float8 AS ids_ahead
FROM unnest(${HISTORY}) AS h (history)
JOIN pg_class p ON p.oid = h.history
JOIN pg_inherits i ON i.inhparent = p.oid
JOIN pg_class c ON c.oid = i.inhrelid
GROUP BY p.relname`,
});
