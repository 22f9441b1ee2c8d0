import type pg from 'pg';
import { migrations } from '../../migrations/index.ts';
import type { MigrateOptions } from './migrate-options.ts';
import { tryMigrationLock, unlockText } from './migration-lock.ts';
import { appliedMigrations } from './migration-record.ts';
import { checkedSchema, DEFAULT_SCHEMA } from './schema-name.ts';
import { writeComments } from './write-comments.ts';

/**
 * @internal Writes the comments of a schema that was made without them, by this program or by one that was killed before it wrote them. Does nothing
 * while another process migrates, which writes them itself. Returns whether they were missing.
 */
export async function finishInstallation(pooled: pg.PoolClient, options: MigrateOptions): Promise<boolean> {
  const schema = checkedSchema(options.schema ?? DEFAULT_SCHEMA);
  const client = pooled as unknown as pg.Client;
  if (!(await tryMigrationLock(client, schema))) return false;
  try {
    const applied = [...(await appliedMigrations(client, schema)).keys()];
    // A later version has its own.
    if (applied.length !== migrations.length) return false;
    return await writeComments(client, schema, options);
  } finally {
    await client.query(unlockText(client, schema));
  }
}
