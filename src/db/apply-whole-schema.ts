import type pg from 'pg';
import { migrations } from '../../migrations/index.ts';
import { change } from './apply-migration.ts';
import type { WatchedMigrateOptions } from './migrate-options.ts';
import { type MigrationState, migrationRecordText } from './migration-record.ts';
import { inSchema } from './schema-name.ts';

/** The script is made on PostgreSQL 18. One of its indexes differs before 14: there the migrations choose. */
const OLDEST_SERVER = 140_000;

/** Its text is a hundred kilobytes, which other databases do without. */
export const loadWholeSchema = (): Promise<typeof import('../../migrations/whole-schema.ts')> =>
  import('../../migrations/whole-schema.ts');

/**
 * Gives an empty database the whole schema by one script, in one transaction, and records the migrations that it stands for. Returns
 * their names; none, and nothing is changed, if fewer are wanted (`goal`), or if this server has to be migrated one by one. `around`: what
 * the script's message begins with in its transaction, and what follows that.
 *
 * One by one is what a database with data needs: each migration changes what its predecessors made, builds indexes beside live
 * traffic, and copies rows. Without rows nearly all of that is undone again by a later one.
 */
export async function applyWholeSchema(
  client: pg.Client,
  schema: string,
  state: MigrationState,
  goal: number,
  options: WatchedMigrateOptions,
  around: { before: string; after: string } = { before: '', after: '' },
): Promise<string[]> {
  const { WHOLE_SCHEMA, WHOLE_SCHEMA_MIGRATIONS: names } = await loadWholeSchema();
  const standsForFirst = names.every((name, index) => name === migrations[index]?.name);
  if (goal < names.length || !standsForFirst || state.serverVersion < OLDEST_SERVER) return [];
  const seconds = await change(client, schema, options, {
    what: 'the script that makes the whole schema',
    fields: { names },
    transaction: 'inside',
    async run(begin) {
      const values = names.map((name) => `(${client.escapeLiteral(name)})`).join(', ');
      // One message: each round trip more is one before the first result of a program.
      const made = client.query(
        `${begin} ${around.before}${migrationRecordText(schema, state)}${inSchema(WHOLE_SCHEMA, schema)}
INSERT INTO "${schema}".tasker_migrations (name) VALUES ${values}; COMMIT; ${around.after}`,
      );
      options.onScript?.();
      await made;
    },
  });
  for (const name of names) options.onApplied?.(name, 'up', seconds / names.length);
  return [...names];
}
