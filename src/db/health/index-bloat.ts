import { defineStatement } from '../statement.ts';

/**
 * The share of each B-tree that is unused, from 0 to 1, by the planner's statistics: entries x (mean width of the columns + 8 bytes
 * of header and 4 of pointer, aligned to 8) at the index's fillfactor, against the pages it has. An estimate; pgstattuple
 * measures. At least 0: for a deduplicated index the formula gives less. Indexes of fewer than 128 pages are left out. Of a partitioned
 * index: the most of any of its partitions.
 */
export const indexBloat = defineStatement<{ relation: string; index: string; bloat: number }>()({
  name: 'index_bloat',
  params: { schema: 'text' },
  text: `
SELECT coalesce(p.relname, t.relname) AS relation, coalesce(pi.relname, i.relname) AS index, max(
  greatest(0, 1 - (
    greatest(i.reltuples, 0) * (8 * ceil((8 + w.width) / 8.0) + 4)
    / (8168 * coalesce((SELECT option_value::numeric FROM pg_options_to_table(i.reloptions) WHERE option_name = 'fillfactor'), 90) / 100)
  ) / i.relpages))::float8 AS bloat
FROM pg_index x
JOIN pg_class i ON i.oid = x.indexrelid
JOIN pg_class t ON t.oid = x.indrelid
JOIN pg_namespace n ON n.oid = t.relnamespace
JOIN pg_am m ON m.oid = i.relam AND m.amname = 'btree'
CROSS JOIN LATERAL (
  SELECT sum(coalesce(s.avg_width, 8)) AS width
  FROM unnest(x.indkey::smallint[]) AS k (attnum)
  LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum
  LEFT JOIN pg_stats s ON s.schemaname = n.nspname AND s.tablename = t.relname AND s.attname = a.attname
) w
LEFT JOIN pg_inherits h ON h.inhrelid = t.oid
LEFT JOIN pg_class p ON p.oid = h.inhparent
LEFT JOIN pg_inherits hi ON hi.inhrelid = i.oid
LEFT JOIN pg_class pi ON pi.oid = hi.inhparent
WHERE n.nspname = :schema AND i.relpages >= 128 AND i.reltuples >= 0
GROUP BY 1, 2`,
});
