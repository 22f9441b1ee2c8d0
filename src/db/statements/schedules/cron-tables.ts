import { defineStatement } from '../../statement.ts';

/**
 * Whether pg-boss's tables exist, in any version, and whether this role may make them: in the schema, or with it. Read from the catalogue:
 * a role cannot resolve names in a schema that it may not use.
 */
export const cronSchemaState = defineStatement<{ installed: boolean; creatable: boolean }>()({
  name: 'cron_schema_state',
  params: { cron_schema: 'text' },
  text: `
SELECT EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.oid AND c.relname = 'version') AS installed,
  CASE WHEN n.oid IS NULL THEN has_database_privilege(current_database(), 'CREATE')
    ELSE has_schema_privilege(n.oid, 'CREATE') AND has_schema_privilege(n.oid, 'USAGE') END AS creatable
FROM (SELECT to_regnamespace(quote_ident(:cron_schema::text))::oid AS oid) n`,
});

export const hasCronTables = defineStatement<{ found: boolean }>()({
  name: 'has_cron_tables',
  params: { cron_schema: 'text' },
  text: `
SELECT to_regclass(format('%I.version', :cron_schema::text)) IS NOT NULL
  AND to_regclass(format('%I.queue', :cron_schema::text)) IS NOT NULL
  AND to_regclass(format('%I.schedule', :cron_schema::text)) IS NOT NULL AS found`,
});

/** Whether pg-boss's tables have this version and the queue of schedules, and no schedule in queues of former versions. */
export const cronTables = (cronSchema: string) =>
  defineStatement<{ prepared: boolean }>()({
    name: 'cron_tables',
    params: { version: 'integer', queue: 'text', former_queues: 'text[]' },
    text: `
SELECT EXISTS (SELECT FROM "${cronSchema}" .version v WHERE v.version = :version)
  AND EXISTS (SELECT FROM "${cronSchema}" .queue q WHERE q.name = :queue)
  AND NOT EXISTS (SELECT FROM "${cronSchema}" .schedule s WHERE s.name = ANY (:former_queues)) AS prepared`,
  });
