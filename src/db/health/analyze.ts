import { statement } from '../statement.ts';

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

/** The hot tables, analyzed where `condition` holds. */
const analyzeWhere = (condition: string, options = ''): string => `
DO $$
DECLARE
  hot regclass;
BEGIN
  FOREACH hot IN ARRAY ARRAY[${HOT_TABLES}]::regclass[]
  LOOP
    IF ${condition} THEN
      EXECUTE format('ANALYZE ${options}%s', hot);
    END IF;
  END LOOP;
END
$$`;

/**
 * Fresh statistics for the planner; autovacuum can lag behind a burst. Not of empty tables: of a table that was never
 * analyzed the planner assumes ten pages, of one that was analyzed while empty it knows that reading all of it is as cheap as
 * one index look-up, and a worker that plans in that moment keeps to it while the table fills.
 */
export const analyzeHotTables = statement(
  'analyze_hot_tables',
  analyzeWhere('pg_relation_size(hot) > 0', '(SKIP_LOCKED) '),
);

/** The hot tables that hold something and were not analyzed by anybody in the last seconds. Parameter: how many. */
export const findUnanalyzed = statement<{ relation: string }>(
  'find_unanalyzed',
  `
SELECT hot::text AS relation
FROM unnest(ARRAY[${HOT_TABLES}]::regclass[]) AS h (hot)
WHERE pg_relation_size(hot) > 0
  AND coalesce(pg_stat_get_last_analyze_time(hot) < clock_timestamp() - make_interval(secs => $1::float8), true)`,
);

/**
 * The hot tables whose statistics this role may not refresh: PostgreSQL only warns and goes on. Who may: the table's owner, the
 * database's owner, and from 17 on whoever has MAINTAIN.
 */
export const findUnanalyzable = statement<{ relation: string; role: string; maintain: boolean }>(
  'find_unanalyzable',
  `
SELECT h.relation, current_user AS role, h.has_maintain AS maintain
FROM (
  SELECT hot::text AS relation, current_setting('server_version_num')::integer >= 170000 AS has_maintain,
    pg_has_role(c.relowner, 'USAGE') OR pg_has_role(d.datdba, 'USAGE') AS owned,
    CASE WHEN current_setting('server_version_num')::integer >= 170000
      THEN has_table_privilege(hot, 'MAINTAIN') ELSE false END AS maintains
  FROM unnest(ARRAY[${HOT_TABLES}]::regclass[]) AS h (hot)
  JOIN pg_class c ON c.oid = hot
  JOIN pg_database d ON d.datname = current_database()
) h
WHERE NOT h.owned AND NOT h.maintains`,
);

/** Of a table, given as oid: it is more than ten times as large as the planner was told. */
const outgrown = (table: string): string => `
  pg_relation_size(${table}) / current_setting('block_size')::integer
    > 10 * (SELECT greatest(c.relpages, 1) FROM pg_class c WHERE c.oid = ${table})`;

/**
 * The hot tables that have outgrown their statistics. A plan that was made for an empty table may read all of it for each step,
 * and prepared statements keep it until statistics come: autovacuum takes a minute or more.
 */
export const findOutgrown = statement<{ relation: string }>(
  'find_outgrown',
  `SELECT hot::text AS relation FROM unnest(ARRAY[${HOT_TABLES}]::regclass[]) AS h (hot) WHERE ${outgrown('hot')}`,
);

/** Fresh statistics of those. Where somebody else is at it already, these are left to come from there. */
export const analyzeOutgrown = statement('analyze_outgrown', analyzeWhere(outgrown('hot'), '(SKIP_LOCKED) '));
