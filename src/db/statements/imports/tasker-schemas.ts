import { defineStatement } from '../../statement.ts';

/** What distinguishes the tables of one release of Tasker (Ruby) from those of another, of one schema. */
export interface TaskerSchemaRow {
  schema: string;
  /** This engine made the tables. */
  ours: boolean;
  /** Tables of Tasker (Ruby) that are there, sorted. */
  tables: string[];
  has_depends_on: boolean;
  has_status: boolean;
  has_transitions: boolean;
  has_namespaces: boolean;
  has_functions: boolean;
  /** Tables of tasker-core, the successor in Rust: without a prefix, with keys of type uuid. */
  has_core: boolean;
}

/** The tables that every release from 1.0 on has, or one of which it needs. */
const TABLES = [
  'tasker_tasks',
  'tasker_workflow_steps',
  'tasker_named_tasks',
  'tasker_named_steps',
  'tasker_named_tasks_named_steps',
  'tasker_workflow_step_edges',
  'tasker_task_transitions',
  'tasker_workflow_step_transitions',
  'tasker_task_namespaces',
];
const CORE_TABLES = ['tasks', 'workflow_steps', 'named_tasks'];
/** Without a table of one of these names there is no such schema. */
export const TASKER_TABLES: readonly string[] = [...TABLES, ...CORE_TABLES];
const list = (names: readonly string[]): string => names.map((name) => `'${name}'`).join(', ');

/**
 * Every schema with tables of Tasker (Ruby), of tasker-core, or of this engine, distinguished by their columns: Rails numbers the
 * migrations of an engine anew when it installs them, and a refused `migrate up` of ours may have left tasker_migrations behind.
 */
export const findTaskerSchemas = defineStatement<TaskerSchemaRow>()({
  name: 'find_tasker_schemas',
  text: `
SELECT n.nspname AS schema,
  bool_or(c.relname = 'tasker_workflow_step_edges' AND a.attname = 'task_id') AS ours,
  coalesce(array_agg(DISTINCT c.relname::text ORDER BY c.relname::text) FILTER (WHERE c.relname LIKE 'tasker\\_%'), '{}') AS tables,
  bool_or(c.relname = 'tasker_workflow_steps' AND a.attname = 'depends_on_step_id') AS has_depends_on,
  bool_or(c.relname = 'tasker_tasks' AND a.attname = 'status') AS has_status,
  bool_or(c.relname = 'tasker_workflow_step_transitions') AS has_transitions,
  bool_or(c.relname = 'tasker_named_tasks' AND a.attname = 'task_namespace_id') AS has_namespaces,
  EXISTS (SELECT FROM pg_proc p WHERE p.pronamespace = n.oid AND p.proname LIKE 'get\\_step\\_readiness\\_status%') AS has_functions,
  bool_or(c.relname IN (${list(CORE_TABLES)}) AND a.attname LIKE '%\\_uuid' AND a.atttypid = 'uuid'::regtype) AS has_core
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p') AND c.relname IN (${list(TASKER_TABLES)})
  AND n.nspname NOT IN ('pg_catalog', 'information_schema')
GROUP BY n.oid, n.nspname
HAVING bool_or(c.relname LIKE 'tasker\\_%')
  OR bool_or(c.relname IN (${list(CORE_TABLES)}) AND a.attname LIKE '%\\_uuid' AND a.atttypid = 'uuid'::regtype)
ORDER BY n.nspname`,
});
