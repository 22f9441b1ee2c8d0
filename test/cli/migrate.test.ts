import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { migrations } from '../../migrations/index.ts';
import { useTestDatabase } from '../support/test-database.ts';
import { runTasker } from './in-process.ts';

const database = await useTestDatabase({ empty: true });
const names = migrations.map(({ name }) => name);

interface Outcome {
  status: number | null;
  stdout: string;
  stderr: string;
}

const tasker = (args: readonly string[], env: Record<string, string | undefined> = {}): Promise<Outcome> =>
  run(['migrate', ...args], env);

function run(args: readonly string[], env: Record<string, string | undefined> = {}): Promise<Outcome> {
  const child = spawn(process.execPath, ['src/cli/main.ts', ...args], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    env: { ...process.env, DATABASE_URL: database.url, ...env },
  });
  const outcome: Outcome = { status: null, stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (outcome.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (outcome.stderr += chunk.toString()));
  return new Promise((resolve) => child.on('close', (status) => resolve({ ...outcome, status })));
}

/** The same in this process. */
const here = async (args: readonly string[], env: Record<string, string | undefined> = {}): Promise<Outcome> => {
  const { code, stdout, stderr } = await runTasker(['migrate', ...args], { DATABASE_URL: database.url, ...env });
  return { status: code, stdout, stderr };
};

const json = async (args: readonly string[]): Promise<unknown> => JSON.parse((await here([...args, '--json'])).stdout);

describe('tasker migrate', () => {
  test('an empty database has every migration pending, and --check reports that by its status', async () => {
    expect(await json(['status'])).toEqual({
      schema: 'tasker',
      // There is no installation before the migrations make one.
      installation_id: null,
      pending: names.length,
      migrations: names.map((name) => ({ name, applied_at: null })),
    });
    expect((await tasker(['status'])).status).toBe(0);
    expect((await tasker(['status', '--check'])).status).toBe(1);
  });

  test.each([[['worker', '--workflows', 'test/cli/cli-workflows.ts']], [['scheduler']], [['tasks']], [['doctor']]])(
    'without it, tasker %s shows what to do',
    async (args) => {
      const { status, stderr } = await run(args, { TASKER_METRICS_PORT: '0' });
      expect(status).toBe(1);
      expect(stderr).toBe(
        'tasker: the database has no tables of Tasker Fleet in its schema "tasker" yet: run tasker migrate up\n',
      );
    },
  );

  test('to, up --steps, up and down move the schema and list what they did', async () => {
    expect(await json(['to', '0003_views_v02'])).toEqual({
      schema: 'tasker',
      applied: names.slice(0, 3),
      reverted: [],
    });
    expect(await json(['up', '--steps', '1'])).toMatchObject({ applied: [names[3]] });
    expect(await json(['up'])).toMatchObject({ applied: names.slice(4) });
    expect(await json(['up'])).toMatchObject({ applied: [], reverted: [] });
    expect((await here(['status', '--check'])).status).toBe(0);
    expect(await json(['down', '--steps', '2'])).toMatchObject({ reverted: names.slice(-2).toReversed() });
  });

  test('for people, each migration is a line', async () => {
    const down = await here(['down']);
    // Two are down already.
    expect(down.stdout).toMatch(new RegExp(`^down {2}${names.at(-3)} {2}\\d+\\.\\d\\d s\\n$`));
    const up = await here(['up']);
    expect(up.stdout.trim().split('\n')).toHaveLength(3);
    expect((await here(['up'])).stdout).toBe('nothing to do: the schema is there already\n');
    const lines = (await here(['status'])).stdout.trim().split('\n');
    expect(lines.pop()).toMatch(/^installation [0-9a-f-]{36}, made \d{4}-/);
    expect(lines.map((line) => line.split('  ')[1])).toEqual(names);
  });

  test('taking the first migration back needs --drop-all', async () => {
    const refused = await here(['down', '--steps', '99']);
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain('--drop-all');
    expect(await json(['down', '--steps', '99', '--drop-all'])).toMatchObject({ reverted: names.toReversed() });
    expect(
      await database.query(`SELECT FROM pg_tables WHERE schemaname = 'tasker' AND tablename <> 'tasker_migrations'`),
    ).toEqual([]);
  });

  test('a migration that does not exist is refused with the list of those that do', async () => {
    const { status, stderr } = await here(['to', '0003']);
    expect(status).toBe(1);
    expect(stderr).toContain('there is no migration "0003"');
    expect(stderr).toContain(names.join(', '));
  });

  test('options that are no whole number are usage errors', async () => {
    for (const args of [
      ['up', '--steps', 'all'],
      ['down', '--steps', '0'],
      ['up', '--wait-seconds', '-1'],
    ]) {
      const { status, stderr } = await here(args);
      expect(status).toBe(2);
      expect(stderr).toContain(`${args[1]} is "${args[2]}"`);
    }
  });

  test('behind a pooler it requires a direct connection', async () => {
    const { status, stderr } = await here(['up'], { TASKER_POOLED: 'true' });
    expect(status).toBe(2);
    expect(stderr).toContain('DATABASE_URL_DIRECT is not set');
  });

  test('a server that cannot be reached is status 5', async () => {
    const { status, stderr } = await here(['status'], { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' });
    expect(status).toBe(5);
    expect(stderr).toContain('cannot be reached');
  });

  test('wait ends when another process has applied what was pending, and if a later version migrated further', async () => {
    await json(['down', '--steps', '99', '--drop-all']);
    const early = await here(['wait', '--wait-seconds', '1']);
    expect(early.status).toBe(1);
    expect(early.stderr).toContain('0001_seed_schema');

    const waiting = tasker(['wait']);
    await tasker(['up']);
    const { status, stdout } = await waiting;
    expect(status).toBe(0);
    expect(stdout).toMatch(/^(waiting: migrations are pending .*\n)*$/);

    await database.query(`INSERT INTO tasker.tasker_migrations (name) VALUES ('9999_of_a_later_version')`);
    expect(await here(['wait'])).toEqual({ status: 0, stdout: '', stderr: '' });
    expect((await here(['up'])).stderr).toContain('migrated by another version');
    await database.query(`DELETE FROM tasker.tasker_migrations WHERE name = '9999_of_a_later_version'`);
  });

  test('wait waits for a server that is unavailable', async () => {
    const away = await here(['wait', '--wait-seconds', '1'], { DATABASE_URL: 'postgres://x@127.0.0.1:1/x' });
    expect(away.status).toBe(1);
    expect(away.stderr).toContain('cannot be reached');
  });
});
