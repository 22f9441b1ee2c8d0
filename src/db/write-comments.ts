import type pg from 'pg';
import { change } from './apply-migration.ts';
import type { MigrateOptions } from './migrate-options.ts';
import { inSchema } from './schema-name.ts';

/**
 * Writes the comments of all tables and columns, in one transaction, if they were left for later and nobody has written them since. The last of
 * them is that of the table of migrations: whether it is there shows whether all are. For a session that holds the migration lock, on a schema
 * that has every migration of this version and none of a later one. A role that does not own the tables leaves them. Returns whether it wrote them.
 */
export async function writeComments(client: pg.Client, schema: string, options: MigrateOptions): Promise<boolean> {
  const { rows } = await client.query<{ missing: boolean }>(
    `SELECT obj_description(c.oid, 'pg_class') IS NULL AND pg_has_role(c.relowner, 'USAGE') AS missing
     FROM pg_class c WHERE c.oid = to_regclass($1)`,
    [`"${schema}".tasker_migrations`],
  );
  if (rows[0]?.missing !== true) return false;
  // Nearly as long as the script for the tables, and needed once in the life of a database.
  const { WHOLE_SCHEMA_COMMENTS } = await import('../../migrations/whole-schema-comments.ts');
  await change(client, schema, options, {
    what: 'the script that writes the comments of all tables',
    fields: {},
    transaction: 'inside',
    run: async (begin) => void (await client.query(`${begin}\n${inSchema(WHOLE_SCHEMA_COMMENTS, schema)}\nCOMMIT`)),
  });
  return true;
}
