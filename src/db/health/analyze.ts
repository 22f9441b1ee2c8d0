import { defineStatement } from '../statement.ts';

/** The tables that a step goes through, as a list of SQL. */
const HOT_TABLES = [
  'workflow_steps',
  'tasks',
  'workflow_step_transitions',
  'task_transitions',
  'workflow_step_edges',
  'claims',
]
  .map((table) => `'tasker.tasker_${table}'`)
  .join(', ');

/** The tables that store the rows of the hot tables, as a set of rows with the column `hot`: of a partitioned table its partitions. */
const STORED = `(
    SELECT coalesce(p.relid, t.hot) AS hot
    FROM unnest(ARRAY[${HOT_TABLES}]::regclass[]) AS t (hot)
    LEFT JOIN LATERAL (SELECT l.relid FROM pg_partition_tree(t.hot) l WHERE l.isleaf) p ON true
  )`;

/** Analyzes each of them for which `condition` holds. */
const analyzeWhere = (condition: string, options = ''): string => `
DO $$
DECLARE
  hot regclass;
BEGIN
  FOR hot IN SELECT h.hot FROM ${STORED} h
  LOOP
    IF ${condition} THEN
      EXECUTE format('ANALYZE ${options}%s', hot);
    END IF;
  END LOOP;
END
$$`;

/**
 * Refreshes the planner's statistics; autovacuum can lag behind a burst. Empty tables are left out: the planner assumes ten pages
 * for a table that was never analyzed, but if it was analyzed while empty, a sequential scan seems as cheap as one index scan, and
 * a worker that plans in that moment keeps that plan while the table fills.
 */
export const analyzeHotTables = defineStatement()({
  name: 'analyze_hot_tables',
  text: analyzeWhere('pg_relation_size(hot) > 0', '(SKIP_LOCKED) '),
});

/** The hot tables that are not empty and were not analyzed by any session, or by autovacuum, in the last `seconds`. */
export const findUnanalyzed = defineStatement<{ relation: string }>()({
  name: 'find_unanalyzed',
  params: { seconds: 'float8' },
  text: `
SELECT hot::text AS relation
FROM ${STORED} h
WHERE pg_relation_size(hot) > 0
  AND coalesce(pg_stat_get_last_analyze_time(hot) < clock_timestamp() - make_interval(secs => :seconds::float8), true)`,
});

/**
 * The hot tables whose statistics this role may not refresh: PostgreSQL only warns and goes on. Allowed are the table's owner, the
 * database's owner, and from PostgreSQL 17 on every role with MAINTAIN.
 */
export const findUnanalyzable = defineStatement<{ relation: string; role: string; maintain: boolean }>()({
  name: 'find_unanalyzable',
  text: `
SELECT h.relation, current_user AS role, h.has_maintain AS maintain
FROM (
  SELECT hot::text AS relation, current_setting('server_version_num')::integer >= 170000 AS has_maintain,
    pg_has_role(c.relowner, 'USAGE') OR pg_has_role(d.datdba, 'USAGE') AS owned,
    CASE WHEN current_setting('server_version_num')::integer >= 170000
      THEN has_table_privilege(hot, 'MAINTAIN') ELSE false END AS maintains
  FROM ${STORED} s (hot)
  JOIN pg_class c ON c.oid = hot
  JOIN pg_database d ON d.datname = current_database()
) h
WHERE NOT h.owned AND NOT h.maintains`,
});

/** Of a table, given as oid: it is more than ten times as large as its statistics say. */
const outgrown = (table: string): string => `
  pg_relation_size(${table}) / current_setting('block_size')::integer
    > 10 * (SELECT greatest(c.relpages, 1) FROM pg_class c WHERE c.oid = ${table})`;

/**
 * The hot tables that have outgrown their statistics. A plan that was made for an empty table may read the whole table for each
 * step, and prepared statements keep it until new statistics come: autovacuum takes a minute or more.
 */
export const findOutgrown = defineStatement<{ relation: string }>()({
  name: 'find_outgrown',
  text: `SELECT hot::text AS relation FROM ${STORED} h WHERE ${outgrown('hot')}`,
});

/** Refreshes the statistics of those. Tables that another session is analyzing are skipped. */
export const analyzeOutgrown = defineStatement()({
  name: 'analyze_outgrown',
  text: analyzeWhere(outgrown('hot'), '(SKIP_LOCKED) '),
});
