import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readDatabaseUrl } from '../../src/config/database-url.ts';
import { type Database, type DatabaseOptions, openDatabase } from '../../src/db/connections/database.ts';
import { EVERY_SESSION, FREE_PLANS, PINNED_PLANS, MIGRATION } from '../../src/db/connections/session-settings.ts';
import { session } from '../../src/db/connections/session.ts';
import { defineStatement } from '../../src/db/statement.ts';
import { ConfigError, UnsuitableDatabaseError } from '../../src/errors.ts';
import { useTestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

const test = await useTestDatabase({ empty: true });
const url = test.directUrl ?? test.url;

const show = defineStatement<{ name: string; value: string }>()({
  name: 'show',
  params: { names: 'text[]' },
  text: `SELECT name, current_setting(name) AS value FROM unnest(:names::text[]) AS s (name)`,
});

async function settings(options: Partial<DatabaseOptions>, ...names: string[]): Promise<Record<string, string>> {
  const db = openDatabase({ url, poolSize: 1, ...options });
  try {
    return Object.fromEntries((await db.run(show, { names: names })).map(({ name, value }) => [name, value]));
  } finally {
    await db.close();
  }
}

const withQuery = (query: Record<string, string>): string => {
  const parameters = Object.entries(query).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  return `${url}?${parameters.join('&')}`;
};
const thrown = (work: () => unknown): unknown => {
  try {
    return work();
  } catch (error) {
    return error;
  }
};

describe('what a connection string sets and what the fleet needs', () => {
  it('are both in the session', async () => {
    const asked = withQuery({ options: '-c statement_timeout=30s --search-path=app', application_name: 'shop' });
    expect(
      await settings(
        { url: asked, plans: 'pinned', applicationName: 'tasker worker', queryTimeoutMs: 5000 },
        'statement_timeout',
        'search_path',
        'application_name',
        'enable_seqscan',
        'plan_cache_mode',
        'lock_timeout',
      ),
    ).toEqual({
      statement_timeout: '30s',
      search_path: 'app',
      application_name: 'tasker worker shop',
      enable_seqscan: 'off',
      plan_cache_mode: 'force_generic_plan',
      lock_timeout: '0',
    });
  });

  it.each([
    ['options', '-c DateStyle=German', {}, /sets DateStyle = German, and this needs ISO, MDY/],
    ['options', '-c array_nulls=off', {}, /array_nulls = off/],
    ['options', '-c enable_seqscan=on', { plans: 'pinned' }, /enable_seqscan = on, and this needs off/],
    ['options', '-d 3', {}, /options that cannot be read/],
    ['statement_timeout', '30s', {}, /whole milliseconds/],
    ['client_encoding', 'LATIN1', {}, /client_encoding=LATIN1/],
    ['schema', 'public', {}, /TASKER_SCHEMA/],
    ['keepalives_idle', '5', {}, /"keepalives_idle", which the driver does not know/],
    ['constructor', '1', {}, /"constructor", which the driver does not know/],
    ['sslmode', 'requier', {}, /sslmode=requier, .*verify-full/],
    ['sslrootcert', '/no/such/file', {}, /sslrootcert=, and that file cannot be read/],
  ] as const)('that contradict each other are refused: %s=%s', (name, value, options, message) => {
    const error = thrown(() => openDatabase({ url: withQuery({ [name]: value }), ...options }));
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as Error).message).toMatch(message);
  });

  it.each([
    ['?sslmode=require', '?sslmode=verify-full'],
    ['?application_name=x&sslmode=prefer&port=1', '?sslmode=verify-full&port=1'],
    ['?sslmode=verify-ca', '?sslmode=verify-full'],
    ['?sslmode=no-verify', '?sslmode=no-verify'],
    ['?sslmode=require&uselibpqcompat=true', '?sslmode=require&uselibpqcompat=true'],
  ])('ask for TLS by the name of what is checked: %s', (query, handedOn) => {
    expect(readDatabaseUrl(`postgres://u@h/db${query}`)).toMatchObject({
      url: { connectionString: `postgres://u@h/db${handedOn}` },
    });
  });

  it.each(['free', 'pinned'] as const)(
    'with %s plans compile nothing, unless the connection string says so',
    async (plans) => {
      await test.query(`ALTER DATABASE "${test.name}" SET jit = on`);
      expect(await settings({ plans }, 'jit')).toEqual({ jit: 'off' });
      await test.query(`ALTER DATABASE "${test.name}" RESET jit`);
      if (plans === 'free')
        expect(await settings({ url: withQuery({ options: '-c jit=on' }) }, 'jit')).toEqual({ jit: 'on' });
    },
  );

  it('are merged without the settings of a worker: an application may choose its plans', async () => {
    const asked = withQuery({ options: '-c enable_seqscan=off' });
    expect(await settings({ url: asked }, 'enable_seqscan')).toEqual({ enable_seqscan: 'off' });
  });

  it('use the shorter time limit for a vanished peer', async () => {
    const asked = withQuery({ options: '-c tcp_keepalives_idle=30' });
    expect(await settings({ url: asked }, 'tcp_keepalives_idle', 'tcp_keepalives_count')).toEqual({
      tcp_keepalives_idle: '30',
      tcp_keepalives_count: '6',
    });
  });
});

describe('on a database with short time limits that is serializable', () => {
  let db: Database;
  beforeAll(async () => {
    await test.query('CREATE TABLE guarded (n integer)');
    for (const setting of [`statement_timeout = '100ms'`, `default_transaction_isolation = 'serializable'`]) {
      await test.query(`ALTER DATABASE "${test.name}" SET ${setting}`);
    }
    db = openDatabase({ url, poolSize: 1, queryTimeoutMs: 20_000 });
  });
  afterAll(async () => {
    await db.close();
    await test.query(`ALTER DATABASE "${test.name}" RESET ALL`);
  });

  it('a statement waits for a lock for as long as the fleet allows', async () => {
    const holder = await test.pool.connect();
    try {
      await holder.query('BEGIN; LOCK TABLE guarded IN ACCESS EXCLUSIVE MODE');
      const read = db.run(defineStatement<{ n: number }>()({ name: 'read_guarded', text: 'SELECT n FROM guarded' }));
      await waitFor(
        async () =>
          (
            await test.query(
              `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND state_change < now() - interval '0.3 s'`,
            )
          ).length > 0,
        { what: 'the statement to wait for longer than the database allows' },
      );
      await holder.query('COMMIT');
      expect(await read).toEqual([]);
    } finally {
      holder.release();
    }
  });

  it('the server cancels a statement when its client gives it up', async () => {
    const brief = openDatabase({ url, poolSize: 1, queryTimeoutMs: 1000 });
    expect(await brief.run(show, { names: ['statement_timeout'] })).toEqual([
      { name: 'statement_timeout', value: '1s' },
    ]);
    await brief.close();
  });

  it('a transaction is READ COMMITTED', async () => {
    const isolation = defineStatement<{ level: string }>()({
      name: 'isolation',
      text: `SELECT current_setting('transaction_isolation') AS level`,
    });
    expect(await db.transaction((tx) => tx.run(isolation))).toEqual([{ level: 'read committed' }]);
    const pooled = openDatabase({ url, poolSize: 1, pooled: true });
    expect(await pooled.transaction((tx) => tx.run(isolation))).toEqual([{ level: 'read committed' }]);
    await pooled.close();
  });
});

describe('through a pooler', () => {
  afterAll(() => test.query(`ALTER DATABASE "${test.name}" RESET ALL`));

  it('nothing is set on a session', async () => {
    expect(await settings({ pooled: true }, 'lock_timeout', 'TimeZone', 'tcp_keepalives_count')).not.toMatchObject({
      tcp_keepalives_count: '6',
    });
  });

  it('a database whose settings would change values is refused, with the statement that fixes it', async () => {
    await test.query(`ALTER DATABASE "${test.name}" SET array_nulls = off`);
    const db = openDatabase({ url, poolSize: 1, pooled: true });
    const error = await db.run(show, { names: [] }).catch((reason: unknown) => reason);
    await db.close();
    expect(error).toBeInstanceOf(UnsuitableDatabaseError);
    expect((error as Error).message).toMatch(/array_nulls = off.*ALTER ROLE .* SET array_nulls = 'on'/);
  });

  it('that is not configured is detected by the pid of the server', async () => {
    const begun = session({ url, applicationName: 'test' });
    const client = await test.pool.connect();
    try {
      await begun.prepare({
        processID: 1,
        once: () => undefined,
        query: (text: string, values: unknown[]) => client.query(text, values),
      } as never);
      expect(begun.proxied).toBe(true);
    } finally {
      client.release();
    }
  });

  it('a worker does not rely on plans that it could not pin', async () => {
    await test.query(`ALTER DATABASE "${test.name}" RESET ALL`);
    const worker = openDatabase({ url, poolSize: 1, plans: 'pinned' });
    await worker.run(show, { names: [] });
    expect([worker.proxied, worker.plans === 'pinned']).toEqual(
      test.directUrl === undefined ? [true, false] : [false, true],
    );
    await worker.close();
    const pooled = openDatabase({ url, poolSize: 1, plans: 'pinned', pooled: true });
    await pooled.run(show, { names: [] });
    expect([pooled.proxied, pooled.plans === 'pinned']).toEqual([true, false]);
    await pooled.close();
  });
});

it('the page for operators names every setting', async () => {
  const page = await readFile('docs/operations/sessions.md', 'utf8');
  const names = [...EVERY_SESSION, ...FREE_PLANS, ...PINNED_PLANS, ...MIGRATION].map(({ name }) => name);
  expect(names.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
});

it('a server that is too old is refused by its first session', async () => {
  const begun = session({ url, applicationName: 'test' });
  const rows = [{ name: 'server_version_num', found: '120022', direct: true }];
  await expect(begun.prepare({ query: async () => ({ rows }), once: () => undefined })).rejects.toThrow(
    'this is PostgreSQL 12, and 13 is the oldest that works: upgrade the server',
  );
});
