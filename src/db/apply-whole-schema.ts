import type pg from 'pg';
import { migrations } from '../../migrations/index.ts';
import { TaskerError } from '../errors.ts';
import { change } from './apply-migration.ts';
import type { MigrateOptions, WatchedMigrateOptions } from './migrate-options.ts';
import { type MigrationState, migrationRecordText, unfinishedText } from './migration-record.ts';
import { inSchema } from './schema-name.ts';

/** The script is made on PostgreSQL 18. One of its indexes differs before 14: there the migrations choose. */
const OLDEST_SERVER = 140_000;

/** Its text is twenty kilobytes, which other databases do without. */
export const loadWholeSchema = (): Promise<typeof import('../../migrations/whole-schema.ts')> =>
  import('../../migrations/whole-schema.ts');

/** Whether the script stands for every migration of this version, and this server takes it. */
async function isFor({ serverVersion }: MigrationState): Promise<boolean> {
  const { WHOLE_SCHEMA_MIGRATIONS: names } = await loadWholeSchema();
  const stands = names.length === migrations.length && names.every((name, index) => name === migrations[index]?.name);
  return stands && serverVersion >= OLDEST_SERVER;
}

/**
 * Gives an empty database the whole schema by one script, in one transaction, and records the migrations that it stands for. Returns
 * their names; none, and nothing is changed, if this server has to be migrated one by one.
 *
 * One by one is what a database with data needs: each migration changes what its predecessors made, builds indexes beside live
 * traffic, and copies rows. Without rows nearly all of that is undone again by a later one.
 */
export async function applyWholeSchema(
  client: pg.Client,
  schema: string,
  state: MigrationState,
  options: MigrateOptions,
): Promise<string[]> {
  if (!(await isFor(state))) return [];
  const { FIRST_OF_SCHEMA } = await loadWholeSchema();
  return applyRest(client, schema, options, migrationRecordText(schema, state) + inSchema(FIRST_OF_SCHEMA, schema));
}

/**
 * Gives an empty database what the first steps of a program need, in one transaction. No migration is recorded: the comment of their table says that
 * the schema is not whole, and every process but this one waits for the rest, or makes it. Returns false, and nothing is changed, if this server has to be
 * migrated one by one. `around`: what the script's message begins with in its transaction, and what follows that.
 */
export async function applyFirstTables(
  client: pg.Client,
  schema: string,
  state: MigrationState,
  options: WatchedMigrateOptions,
  around: { before: string; after: string },
): Promise<boolean> {
  if (!(await isFor(state))) return false;
  const { FIRST_OF_SCHEMA } = await loadWholeSchema();
  await change(client, schema, options, {
    what: 'the script that makes the first tables of the schema',
    fields: {},
    transaction: 'inside',
    async run(begin) {
      // One message: each round trip more is one before the first result of a program.
      const made = client.query(
        `${begin} ${around.before}${migrationRecordText(schema, state)}${inSchema(FIRST_OF_SCHEMA, schema)}
${unfinishedText(client, schema)}; COMMIT; ${around.after}`,
      );
      options.onScript?.();
      await made;
    },
  });
  return true;
}

/**
 * Makes what the first tables were made without, and records the migrations, in one transaction. For a session that holds the migration lock, on a schema with the
 * first tables. Returns the names. They have to be those of this version (`refuseForeignBeginning`). `before`: what makes them, if they are not there.
 */
export async function applyRest(
  client: pg.Client,
  schema: string,
  options: MigrateOptions,
  before = '',
): Promise<string[]> {
  const [{ WHOLE_SCHEMA_MIGRATIONS: names }, { REST_OF_SCHEMA }] = await Promise.all([
    loadWholeSchema(),
    import('../../migrations/rest-of-schema.ts'),
  ]);
  const seconds = await change(client, schema, options, {
    what: `the script that makes ${before === '' ? 'the rest of the schema' : 'the whole schema'}`,
    fields: { names },
    transaction: 'inside',
    async run(begin) {
      const values = names.map((name) => `(${client.escapeLiteral(name)})`).join(', ');
      await client.query(
        `${begin} ${before}${inSchema(REST_OF_SCHEMA, schema)}
INSERT INTO "${schema}".tasker_migrations (name) VALUES ${values}; COMMIT`,
      );
    },
  });
  for (const name of names) options.onApplied?.(name, 'up', seconds / names.length);
  return [...names];
}

/** Refuses the first tables of another version, whose rest is another one. */
export function refuseForeignBeginning(schema: string, begun: string): void {
  const newest = migrations.at(-1)?.name;
  if (begun === newest) return;
  throw new TaskerError(
    'MIGRATION_FOREIGN',
    `schema "${schema}" has the first tables of a version whose newest migration is "${begun}", and a program of that version ended before it made the rest, which this version (up to "${newest}") cannot make: start that version once, or, if there are no tasks that matter, drop the schema and migrate again`,
    { schema, name: begun },
  );
}
