import { defineStatement } from '../../statement.ts';

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
