import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createClient } from '../../../src/client/client.ts';
import { migrateCron } from '../../../src/schedules/cron.ts';
import { openDatabase } from '../../../src/db/connections/database.ts';
import { migrateToLatest } from '../../../src/db/migrate.ts';
import { createDatabase, dropDatabase } from '../../../src/embedded/databases.ts';
import { WORKFLOW_SCHEDULES } from '../../../src/schedules/scheduled-submit.ts';
import { Metrics } from '../../../src/metrics/registry.ts';
import { checkRights } from '../../../src/scheduler/chores/check-rights.ts';
import { useProcesses } from '../../support/processes.ts';
import { databasePrefix } from '../../support/test-run.ts';
import { exercise } from './exercise.ts';
import { diamond } from './workflows.ts';

const { adminUrl, id } = inject('testRun');
const processes = useProcesses();
const cluster = new pg.Client({ connectionString: adminUrl });
const made: { roles: string[]; databases: string[] } = { roles: [], databases: [] };
beforeAll(() => cluster.connect());
afterAll(async () => {
  for (const name of made.databases) await dropDatabase(adminUrl, name);
  for (const role of made.roles) await cluster.query(`DROP ROLE "${role}"`);
  await cluster.end();
});

interface Place {
  /** As a superuser. */
  url: string;
  name: string;
  query(text: string): Promise<pg.QueryResult>;
  /** A login role of its own; of the same database. */
  role(name: string, options?: string): Promise<{ url: string; role: string }>;
}

async function place(): Promise<Place> {
  const name = `${databasePrefix(id)}rights_${made.databases.length}`;
  made.databases.push(name);
  const url = await createDatabase(adminUrl, name);
  const query = async (text: string): Promise<pg.QueryResult> => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      return await client.query(text);
    } finally {
      await client.end();
    }
  };
  await query(`REVOKE CREATE ON DATABASE "${name}" FROM PUBLIC`);
  return {
    url,
    name,
    query,
    async role(suffix, options = 'LOGIN') {
      const role = `${name}_${suffix}`;
      await cluster.query(`CREATE ROLE "${role}" PASSWORD 'secret-of-role' ${options}`);
      made.roles.push(role);
      const own = new URL(url);
      own.username = role;
      own.password = 'secret-of-role';
      return { url: own.href, role };
    },
  };
}

async function tasker(args: string[], url: string): Promise<{ code: number | null; output: string }> {
  const started = processes.start('src/cli/main.ts', { args, env: { DATABASE_URL: url, TASKER_METRICS_PORT: '0' } });
  const { code } = await started.exited;
  return { code, output: started.lines.join('\n') };
}

describe.concurrent('a role without CREATE on the database', () => {
  it('that owns both schemas runs everything', async () => {
    const there = await place();
    const { url, role } = await there.role('owner');
    await there.query(
      `CREATE SCHEMA tasker AUTHORIZATION "${role}"; CREATE SCHEMA tasker_cron AUTHORIZATION "${role}"`,
    );
    await expect(exercise(url, { adminUrl: there.url })).resolves.toBeUndefined();
  });

  it('that may create schemas only during `migrate up` runs everything afterwards', async () => {
    const there = await place();
    const { url, role } = await there.role('brief');
    await there.query(`GRANT CREATE ON DATABASE "${there.name}" TO "${role}"`);
    expect(await tasker(['migrate', 'up'], url)).toMatchObject({ code: 0 });
    await there.query(`REVOKE CREATE ON DATABASE "${there.name}" FROM "${role}"`);
    await expect(exercise(url, { migrated: true, adminUrl: there.url })).resolves.toBeUndefined();
  });

  it('that owns one schema gets the statement for the other', async () => {
    const there = await place();
    const { url, role } = await there.role('half');
    await there.query(`CREATE SCHEMA tasker AUTHORIZATION "${role}"`);
    const fix = `CREATE SCHEMA "tasker_cron" AUTHORIZATION "${role}"`;
    const up = await tasker(['migrate', 'up'], url);
    expect(up).toMatchObject({
      code: 0,
      output: expect.stringContaining(`no schedules yet: role "${role}" may not make`) as string,
    });
    expect(up.output).toContain(fix);
    const scheduler = await tasker(['scheduler'], url);
    expect(scheduler.code).toBe(1);
    expect(scheduler.output).toContain(fix);
    expect(scheduler.output).not.toMatch(/^\s+at /m);
  });
});

describe.concurrent('a role that owns nothing', () => {
  it('and may read and write rows runs everything, reports the missing right to analyze once, and can run `migrate up` if nothing is pending', async () => {
    const there = await place();
    await migrateToLatest(there.url);
    await migrateCron({ url: there.url, schema: 'tasker_cron', queue: WORKFLOW_SCHEDULES });
    const { url, role } = await there.role('user');
    for (const schema of ['tasker', 'tasker_cron']) {
      await there.query(`
        GRANT USAGE ON SCHEMA ${schema} TO "${role}";
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${schema} TO "${role}";
        GRANT USAGE ON ALL SEQUENCES IN SCHEMA ${schema} TO "${role}"`);
    }
    expect(await tasker(['migrate', 'up'], url)).toMatchObject({
      code: 0,
      output: 'nothing to do: the schema is there already',
    });
    await expect(exercise(url, { migrated: true, adminUrl: there.url })).resolves.toBeUndefined();

    const db = openDatabase({ url, poolSize: 1 });
    const metrics = new Metrics('scheduler');
    const reported: string[] = [];
    const chore = checkRights({ db, metrics, onMissing: (error) => reported.push(error.message) });
    const gauge = async (): Promise<string | undefined> =>
      /^tasker_unanalyzable_tables(?:\{.*\})? (\d+)/m.exec(await metrics.registry.metrics())?.[1];
    await chore.run();
    await chore.run();
    expect(reported).toHaveLength(1);
    expect(reported[0]).toContain(`GRANT MAINTAIN ON ALL TABLES IN SCHEMA "tasker" TO "${role}"`);
    // Each of the two tables of history has two partitions.
    expect(await gauge()).toBe('8');
    await there.query(`GRANT MAINTAIN ON ALL TABLES IN SCHEMA tasker TO "${role}"`);
    await chore.run();
    expect(reported).toHaveLength(1);
    expect(await gauge()).toBe('0');
    await db.close();
  });

  it('and may only read rows can run `migrate up` too, and gets an error that names the missing right', async () => {
    const there = await place();
    await migrateToLatest(there.url);
    await migrateCron({ url: there.url, schema: 'tasker_cron', queue: WORKFLOW_SCHEDULES });
    const { url, role } = await there.role('reader');
    await there.query(
      `GRANT USAGE ON SCHEMA tasker TO "${role}"; GRANT SELECT ON ALL TABLES IN SCHEMA tasker TO "${role}"`,
    );
    expect(await tasker(['migrate', 'up'], url)).toMatchObject({ code: 0 });
    const cancel = await tasker(['cancel', '1'], url);
    expect(cancel.output).toMatch(/^tasker: the role lacks a right: permission denied for table .*Rights/);
    expect(cancel.code).toBe(1);
  });
});

it.concurrent('a role that is set for every login of another role is the role whose rights count', async () => {
  const there = await place();
  const { role: owner } = await there.role('group', 'NOLOGIN');
  const { url, role } = await there.role('login', `LOGIN IN ROLE "${owner}"`);
  await there.query(
    `ALTER ROLE "${role}" SET role = "${owner}"; GRANT CREATE ON DATABASE "${there.name}" TO "${owner}"`,
  );
  await expect(exercise(url, { adminUrl: there.url })).resolves.toBeUndefined();
  const { rows } = await there.query(
    `SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname IN ('tasker', 'tasker_cron')`,
  );
  expect(rows).toEqual([{ tableowner: owner }]);
});

it.concurrent.each([
  ['user', 'both'],
  ['order', 'order'],
])('schemas may have reserved words as names: %s and %s', async (schema, cronSchema) => {
  const there = await place();
  await expect(exercise(there.url, { schema, cronSchema })).resolves.toBeUndefined();
});

describe.concurrent('CONNECTION LIMIT', () => {
  it.each([
    ['of the role', 5, (role: string) => `ALTER ROLE "${role}" CONNECTION LIMIT 5`],
    ['of the database', 4, (_: string, name: string) => `ALTER DATABASE "${name}" CONNECTION LIMIT 4`],
  ] as const)('%s is part of the connection budget', async (what, limit, sql) => {
    const there = await place();
    const { url, role } = await there.role('limited');
    await there.query(`GRANT CREATE ON DATABASE "${there.name}" TO "${role}"`);
    await migrateToLatest(url);
    await there.query(sql(role, there.name));
    const doctor = await tasker(['doctor', '--connections', '--workers', '3', '--schedulers', '2', '--json'], url);
    expect(doctor.code).toBe(1);
    const report = JSON.parse(doctor.output) as {
      budget: { available: number; maxWorkers: number };
      problems: string[];
    };
    expect(report.budget).toMatchObject({ available: limit, maxWorkers: 0 });
    expect(report.problems[0]).toContain(`${limit} are available: at most 0 workers fit`);
    expect(report.problems[0]).toContain(`raise the CONNECTION LIMIT ${what}`);
  });
});

it.concurrent('a client whose schedule failed because the database was unavailable can make it later', async () => {
  const there = await place();
  await migrateToLatest(there.url);
  const client = createClient({ url: there.url });
  const schedule = () =>
    client.schedule(diamond, { key: 'k', cron: '* * * * *', input: { n: 1, text: '', none: null } });
  await client.register(diamond);
  await cluster.query(`ALTER DATABASE "${there.name}" ALLOW_CONNECTIONS false`);
  await expect(schedule()).rejects.toMatchObject({ code: '55000' });
  await cluster.query(`ALTER DATABASE "${there.name}" ALLOW_CONNECTIONS true`);
  await schedule();
  expect(await client.schedules()).toHaveLength(1);
  await client.close();
});
