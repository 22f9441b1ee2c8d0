import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { migrations } from '../../../migrations/index.ts';
import { migrateDown, migrateToLatest } from '../../../src/db/migrate.ts';
import { OLDEST_SERVER } from '../../../src/db/connections/session-settings.ts';
import { createDatabase, dropDatabase } from '../../../src/embedded/databases.ts';
import { type OtherPostgres, startPostgres, whyNoPostgres } from '../../support/postgres-version.ts';
import { scratchFolder } from '../../support/scratch-folder.ts';
import { databasePrefix } from '../../support/test-run.ts';
import { exercise } from './exercise.ts';

/** The newest major version that is tested; a newer one is not refused. */
const NEWEST_TESTED_SERVER = 18;

/**
 * By default the oldest supported version; the newest is that of the tests' own server. TEST_POSTGRES_VERSIONS=13,14,15,16,17 tests all
 * of them, before a release.
 */
const versions = (process.env['TEST_POSTGRES_VERSIONS'] ?? String(OLDEST_SERVER)).split(',').map(Number);

/** Runs a fleet, reverts all migrations and applies them again; returns the names of the applied ones. */
const fleetAndMigrations = async (url: string): Promise<string[]> => {
  await exercise(url);
  await migrateDown(url, migrations.length);
  return migrateToLatest(url);
};
const all = migrations.map(({ name }) => name);

describe.each(versions)('on PostgreSQL %s', async (major) => {
  const missing = await whyNoPostgres(major);
  let server: OtherPostgres;
  beforeAll(async () => {
    if (missing === undefined) server = await startPostgres(major, await scratchFolder(), inject('testRun').id);
  });
  afterAll(() => server?.stop());

  it.skipIf(missing !== undefined)('a fleet runs, and migrations go down and up', async () => {
    expect(await fleetAndMigrations(server.url())).toEqual(all);
  });
});

it(`a fleet runs, and migrations go down and up, on the newest tested version, PostgreSQL ${NEWEST_TESTED_SERVER}`, async () => {
  const { adminUrl, id } = inject('testRun');
  const name = `${databasePrefix(id)}newest`;
  const url = await createDatabase(adminUrl, name);
  expect(await fleetAndMigrations(url)).toEqual(all);
  await dropDatabase(adminUrl, name);
});

describe('on PostgreSQL 12', async () => {
  const missing =
    process.env['TEST_POSTGRES_VERSIONS'] === undefined ? 'only with TEST_POSTGRES_VERSIONS' : await whyNoPostgres(12);

  it.skipIf(missing !== undefined)('the first migration is refused with one line', async () => {
    const server = await startPostgres(12, await scratchFolder(), inject('testRun').id);
    try {
      await expect(migrateToLatest(server.url())).rejects.toThrow(
        `this is PostgreSQL 12, and ${OLDEST_SERVER} is the oldest that works: upgrade the server`,
      );
    } finally {
      await server.stop();
    }
  });
});
