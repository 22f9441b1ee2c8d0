import { Pool } from 'pg';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { migrations } from '../../migrations/index.ts';
import { FIRST_OF_SCHEMA, REST_RELATIONS } from '../../migrations/whole-schema.ts';
import { openDatabase } from '../../src/db/connections/database.ts';
import { type FoundSchema, installIfEmpty } from '../../src/db/install-schema.ts';
import { migrateDown, migrateTo, migrateToLatest, migrationStatus } from '../../src/db/migrate.ts';
import { requireSchema } from '../../src/db/schema-check.ts';
import { useTestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';
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
const holdingTheLock = <T>(work: () => Promise<T>): Promise<T> =>
  inSession(async (other) => {
    await other.query(`SELECT pg_advisory_lock(hashtext('tasker.migrations.tasker'), 1)`);
    return work();
  });
async function relations(): Promise<string[]> {
  const rows = await database.query<{ relname: string }>(
    `SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace('tasker') AND relkind IN ('r', 'p', 'v') ORDER BY relname`,
  );
  return rows.map(({ relname }) => relname);
}
async function whatMigrationsMake(): Promise<unknown> {
  await database.query('DROP SCHEMA tasker CASCADE');
  await migrateToLatest(database.url);
  return fingerprint(database, 'tasker');
}

describe('a program that finds an empty database', () => {
  test('makes the first tables, and the rest afterwards: then it is what migrations make', async () => {
    expect(await install()).toBe('begun');
    expect((await migrationStatus(database.url)).every(({ appliedAt }) => appliedAt === null)).toBe(true);
    const first = await relations();
    expect(first).toContain('tasker_tasks');
    expect(first.filter((name) => REST_RELATIONS.includes(name))).toEqual([]);
    expect(await migrateToLatest(database.url)).toEqual(names);
    expect((await relations()).toSorted()).toEqual([...first, ...REST_RELATIONS].toSorted());
    expect(await install()).toBe('current');
    const made = await fingerprint(database, 'tasker');
    expect(made).toEqual(await whatMigrationsMake());
  });

  test('makes first tables without a key to one of the rest, so that the rest locks none of them', () => {
    const keys = [...FIRST_OF_SCHEMA.matchAll(/REFERENCES tasker\.(\w+)/g)].map(([, table]) => table as string);
    expect(keys.length).toBeGreaterThan(0);
    expect(keys.filter((table) => REST_RELATIONS.includes(table))).toEqual([]);
  });

  test('goes on using its session, which has no lock and no settings of a migration then', async () => {
    await inSession(async (session) => {
      const settings = `SELECT name, setting FROM pg_settings WHERE source = 'session' OR name = 'application_name'`;
      const before = (await session.query(settings)).rows;
      expect(await installIfEmpty(session, { url })).toBe('begun');
      expect((await session.query(settings)).rows).toEqual(before);
      const locks = await session.query(`SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()`);
      expect(locks.rowCount).toBe(0);
    });
  });

  test('is one of several that begin at once: one makes the first tables, and none leaves it at that', async () => {
    for (let round = 0; round < 5; round += 1) {
      await database.query('DROP SCHEMA IF EXISTS tasker CASCADE');
      const found = await Promise.all([install(), install(), install()]);
      expect(found.filter((each) => each === 'begun')).toHaveLength(1);
      const done = await Promise.all([migrateToLatest(database.url), migrateToLatest(database.url)]);
      expect(done.flat()).toEqual(names);
      expect(await relations()).toEqual(expect.arrayContaining([...REST_RELATIONS]));
    }
  });

  test('leaves it to another process, also of an earlier version, that holds the lock of migrations', async () => {
    await holdingTheLock(async () => {
      expect(await install()).toBe('behind');
      expect(await relations()).toEqual([]);
    });
    await expect.poll(install, { timeout: 10_000 }).toBe('begun');
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
    expect(await relations()).toEqual([]);
    // The session that failed has the lock until the server has ended it.
    await expect.poll(install, { timeout: 10_000 }).toBe('begun');
  });
});

describe('a program that is killed when it has made the first tables', () => {
  test('leaves the rest to the next one: with rows in them, nothing is lost', async () => {
    await install();
    await database.query(`INSERT INTO tasker.tasker_task_namespaces (name) VALUES ('kept')`);
    const [before] = await database.query(`SELECT installation_id FROM tasker.tasker_installation`);
    expect(await migrateToLatest(database.url)).toEqual(names);
    expect(await database.query(`SELECT name FROM tasker.tasker_task_namespaces`)).toEqual([{ name: 'kept' }]);
    expect(await database.query(`SELECT installation_id FROM tasker.tasker_installation`)).toEqual([before]);
  });

  test('leaves it to a migration to any version, which makes the rest first', async () => {
    await install();
    expect(await migrateTo(database.url, names.at(-3) as string)).toEqual([...names, ...names.slice(-2).toReversed()]);
    expect(await migrateToLatest(database.url)).toEqual(names.slice(-2));
    await database.query('DROP SCHEMA tasker CASCADE');
    await install();
    expect(await migrateDown(database.url)).toEqual([...names, names.at(-1)]);
  });

  test('leaves nothing half made if the rest fails, and says what failed', async () => {
    await install();
    const first = await relations();
    await database.query(`CREATE TABLE tasker.tasker_sign_ins ()`);
    await expect(migrateToLatest(database.url)).rejects.toMatchObject({
      code: 'MIGRATION_FAILED',
      message: expect.stringContaining('the script that makes the rest of the schema failed'),
    });
    await database.query(`DROP TABLE tasker.tasker_sign_ins`);
    expect(await relations()).toEqual(first);
    expect(await migrateToLatest(database.url)).toEqual(names);
  });

  test('is of another version: a migration names it, and changes nothing', async () => {
    await install();
    await database.query(
      `COMMENT ON TABLE tasker.tasker_migrations IS 'Unfinished: the first tables of 0999_later. The next program that migrates makes the rest.'`,
    );
    const first = await relations();
    await expect(migrateToLatest(database.url)).rejects.toMatchObject({
      code: 'MIGRATION_FOREIGN',
      message: expect.stringContaining('"0999_later"'),
    });
    expect(await relations()).toEqual(first);
  });
});

describe('a process that does not migrate', () => {
  test('waits for the rest of a schema whose first tables another program has made', async () => {
    await install();
    const db = openDatabase({ url: database.url, poolSize: 1 });
    try {
      let state = 'waiting';
      const required = requireSchema(db).then((waited) => (state = waited ? 'whole' : 'not awaited'));
      await holdingTheLock(async () => {
        await waitFor(async () => db.pool.totalCount > 0, { what: 'its first look' });
        expect(state).toBe('waiting');
      });
      await migrateToLatest(database.url);
      expect(await required).toBe('whole');
    } finally {
      await db.close();
    }
  });

  test('says what to do if nobody makes the rest', async () => {
    await install();
    const db = openDatabase({ url: database.url, poolSize: 1 });
    try {
      await expect(requireSchema(db, { restWithinMs: 300 })).rejects.toMatchObject({
        code: 'SCHEMA_OUTDATED',
        message: expect.stringContaining('run tasker migrate up'),
      });
    } finally {
      await db.close();
    }
  });
});
