import { Pool } from 'pg';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { migrations } from '../../migrations/index.ts';
import { finishInstallation } from '../../src/db/finish-installation.ts';
import { type FoundSchema, installIfEmpty } from '../../src/db/install-schema.ts';
import { migrateTo, migrateToLatest, migrationStatus } from '../../src/db/migrate.ts';
import { useTestDatabase } from '../support/test-database.ts';
import { fingerprint } from './fingerprint.ts';

const database = await useTestDatabase({ empty: true });
const pool = new Pool({ connectionString: database.directUrl ?? database.url, max: 4 });
afterAll(() => pool.end());
beforeEach(() => database.query('DROP SCHEMA IF EXISTS tasker CASCADE'));

const url = database.directUrl ?? database.url;
const names = migrations.map(({ name }) => name);

/** On a session of its own, which ends with an error, as that of a program that is killed. */
async function inSession<T>(work: (session: import('pg').PoolClient) => Promise<T>): Promise<T> {
  const session = await pool.connect();
  try {
    return await work(session);
  } finally {
    session.release(true);
  }
}
const install = (): Promise<FoundSchema> => inSession((session) => installIfEmpty(session, { url }));
const finish = (): Promise<boolean> => inSession((session) => finishInstallation(session, {}));
const tables = () => database.query(`SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace('tasker')`);
async function comments(): Promise<number> {
  const [row] = await database.query<{ comments: number }>(
    `SELECT count(*)::integer AS comments FROM pg_description d JOIN pg_class c ON c.oid = d.objoid
     WHERE c.relnamespace = to_regnamespace('tasker')`,
  );
  return row?.comments ?? 0;
}
async function whatMigrationsMake(): Promise<unknown> {
  await database.query('DROP SCHEMA tasker CASCADE');
  await migrateToLatest(database.url);
  return fingerprint(database, 'tasker');
}

describe('a program that finds an empty database', () => {
  test('makes the schema, and the comments afterwards: then it is what migrations make', async () => {
    expect(await install()).toBe('installed');
    expect((await migrationStatus(database.url)).every(({ appliedAt }) => appliedAt !== null)).toBe(true);
    expect(await comments()).toBe(0);
    expect(await finish()).toBe(true);
    expect(await finish()).toBe(false);
    expect(await install()).toBe('current');
    const made = await fingerprint(database, 'tasker');
    expect(made).toEqual(await whatMigrationsMake());
  });

  test('goes on using its session, which has no lock and no settings of a migration then', async () => {
    await inSession(async (session) => {
      const settings = `SELECT name, setting FROM pg_settings WHERE source = 'session' OR name = 'application_name'`;
      const before = (await session.query(settings)).rows;
      expect(await installIfEmpty(session, { url })).toBe('installed');
      expect((await session.query(settings)).rows).toEqual(before);
      const locks = await session.query(`SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()`);
      expect(locks.rowCount).toBe(0);
    });
  });

  test('and is killed before the comments: the next migration writes them, although it has nothing to apply', async () => {
    await install();
    expect(await migrateToLatest(database.url)).toEqual([]);
    const made = await fingerprint(database, 'tasker');
    expect(made).toEqual(await whatMigrationsMake());
  });

  test('is one of two that begin at once: one makes it, and the other finds it made or being made', async () => {
    for (let round = 0; round < 5; round += 1) {
      await database.query('DROP SCHEMA IF EXISTS tasker CASCADE');
      const found = await Promise.all([install(), install(), install()]);
      expect(found.filter((each) => each === 'installed')).toHaveLength(1);
      await migrateToLatest(database.url);
      expect(await comments()).toBeGreaterThan(400);
    }
  });

  test('leaves it to another process, also of an earlier version, that holds the lock of migrations', async () => {
    await inSession(async (other) => {
      await other.query(`SELECT pg_advisory_lock(hashtext('tasker.migrations.tasker'), 1)`);
      expect(await install()).toBe('behind');
      expect(await tables()).toEqual([]);
    });
    expect(await install()).toBe('installed');
    await inSession(async (other) => {
      await other.query(`SELECT pg_advisory_lock(hashtext('tasker.migrations.tasker'), 1)`);
      expect(await finish()).toBe(false);
    });
    expect(await finish()).toBe(true);
  });

  test('leaves nothing behind if it fails in the middle', async () => {
    await database.query(
      `CREATE FUNCTION public.refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no views today'; END $$`,
    );
    await database.query(
      `CREATE EVENT TRIGGER refuse ON ddl_command_start WHEN TAG IN ('CREATE VIEW') EXECUTE FUNCTION public.refuse()`,
    );
    try {
      await expect(install()).rejects.toMatchObject({ code: 'MIGRATION_FAILED' });
    } finally {
      await database.query('DROP EVENT TRIGGER refuse');
      await database.query('DROP FUNCTION public.refuse');
    }
    expect(await tables()).toEqual([]);
    // The session that failed has the lock until the server has ended it.
    await expect.poll(install, { timeout: 10_000 }).toBe('installed');
  });
});

describe('comments that are missing', () => {
  test('are not written to a schema that lacks migrations', async () => {
    await install();
    await migrateTo(database.url, names.at(-3) as string);
    expect(await finish()).toBe(false);
    expect(await comments()).toBeLessThan(10);
    expect(await migrateToLatest(database.url)).toEqual(names.slice(-2));
    expect(await comments()).toBeGreaterThan(400);
  });

  test('are left by a role that does not own the tables', async () => {
    await install();
    const role = `reader_of_${database.name}`.slice(0, 63);
    await database.query(`CREATE ROLE "${role}"`);
    try {
      await database.query(
        `GRANT USAGE ON SCHEMA tasker TO "${role}"; GRANT SELECT ON tasker.tasker_migrations TO "${role}"`,
      );
      await inSession(async (session) => {
        await session.query(`SET ROLE "${role}"`);
        expect(await finishInstallation(session, {})).toBe(false);
      });
    } finally {
      await database.query(`DROP OWNED BY "${role}"; DROP ROLE "${role}"`);
    }
    expect(await comments()).toBe(0);
  });
});
