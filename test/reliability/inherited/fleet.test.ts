import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { z } from 'zod';
import { openDatabase } from '../../../src/db/connections/database.ts';
import { examine } from '../../../src/db/doctor/examine.ts';
import { migrateTo } from '../../../src/db/migrate.ts';
import { registerWorkflow } from '../../../src/engine/register-workflow.ts';
import { defineWorkflow } from '../../../src/workflow/define-workflow.ts';
import { RUBY_TASKER } from '../../migrations/ruby-tasker-database.ts';
import {
  type RubyTaskerStep,
  type RubyTaskerTask,
  type RubyTaskerTransition,
  insertRubyTaskerTasks,
  statesman,
} from '../../migrations/ruby-tasker-rows.ts';
import { useProcesses } from '../../support/processes.ts';
import { scratchFolder } from '../../support/scratch-folder.ts';
import { useTestDatabase } from '../../support/test-database.ts';
import { waitFor } from '../../support/wait-for.ts';
import { registerTypes } from '../../views/rows.ts';
import { readEffects } from '../support/effects.ts';
import { SHORT_TIMES } from '../support/fleet.ts';
import { line, order, refused } from './inherited-workflows.ts';

const test = await useTestDatabase({ empty: true });
const processes = useProcesses();
const db = openDatabase({ url: test.url, poolSize: 4 });
afterAll(() => db.close());

/** How a release of Tasker (Ruby) recorded the outcome of a step. */
interface Release {
  name: string;
  history: (...states: string[]) => RubyTaskerTransition[];
  /** 2.0 dropped the states of existing steps: only the flags are left. */
  flagsOnly: boolean;
}

const RELEASES: readonly Release[] = [
  { name: 'before 2.0', history: () => [], flagsOnly: true },
  { name: '2.0 and 2.1', history: statesman, flagsOnly: false },
  {
    name: '2.4 and later, a first row for pending',
    history: (...states) => [{ sortKey: 0, to: 'pending', mostRecent: states.length === 0 }, ...statesman(...states)],
    flagsOnly: false,
  },
];

type Fate = 'complete' | 'fresh' | 'running' | 'due' | 'exhausted' | 'cancelled';

/** The fates of the four steps, and the state in which the task must end. */
const SCENARIOS: readonly { fates: readonly [Fate, Fate, Fate, Fate]; ends: string; since2: boolean }[] = [
  { fates: ['complete', 'complete', 'complete', 'complete'], ends: 'complete', since2: false },
  { fates: ['fresh', 'fresh', 'fresh', 'fresh'], ends: 'complete', since2: false },
  { fates: ['complete', 'fresh', 'fresh', 'fresh'], ends: 'complete', since2: false },
  { fates: ['complete', 'complete', 'fresh', 'fresh'], ends: 'complete', since2: false },
  { fates: ['complete', 'due', 'complete', 'fresh'], ends: 'complete', since2: false },
  { fates: ['complete', 'running', 'complete', 'fresh'], ends: 'complete', since2: true },
  { fates: ['complete', 'complete', 'running', 'fresh'], ends: 'error', since2: true },
  { fates: ['complete', 'exhausted', 'fresh', 'fresh'], ends: 'error', since2: false },
  { fates: ['complete', 'cancelled', 'fresh', 'fresh'], ends: 'error', since2: true },
];

const STATES: Record<Fate, string[]> = {
  complete: ['in_progress', 'complete'],
  fresh: [],
  running: ['in_progress'],
  due: ['in_progress', 'error'],
  exhausted: ['in_progress', 'error', 'pending', 'in_progress', 'error', 'pending', 'in_progress', 'error'],
  cancelled: ['cancelled'],
};
const ATTEMPTS: Record<Fate, number> = { complete: 1, fresh: 0, running: 0, due: 1, exhausted: 3, cancelled: 0 };

/** Step ids in the order 4, 3, 2, 1, because the ids of Tasker (Ruby) need not follow the graph. */
const idOf = (task: number, ordinal: number): string => String(task * 10 + 5 - ordinal);

function stepsOf(
  task: number,
  fates: readonly Fate[],
  release: Release,
  parents: readonly number[][],
): RubyTaskerStep[] {
  return fates.map((fate, index) => ({
    id: idOf(task, index + 1),
    name: index + 1,
    parents: (parents[index] ?? []).map((parent) => idOf(task, parent)),
    retryable: index !== 2,
    retryLimit: 3,
    attempts: ATTEMPTS[fate],
    inProcess: false,
    processed: fate === 'complete',
    attempted: ATTEMPTS[fate] > 0,
    results: fate === 'complete' ? { by: 'the ancestor' } : undefined,
    history: release.history(...STATES[fate]),
  }));
}

const COPIES = 20;
const DIAMOND = [[], [1], [1], [2, 3]];
const LINE = [[], [1]];

it('a fleet that takes over a database of Tasker (Ruby) repeats no finished step, and serves every workflow but the refused one', async () => {
  await migrateTo(test.url, RUBY_TASKER);
  const expected = new Map<string, string>();
  const finished = new Set<string>();
  const once = new Set<string>();
  const tasks: RubyTaskerTask[] = [];
  let id = 1000;
  for (const release of RELEASES) {
    for (const scenario of SCENARIOS) {
      if (release.flagsOnly && scenario.since2) continue;
      for (let copy = 0; copy < COPIES; copy += 1) {
        id += 3;
        const done = scenario.fates.every((fate) => fate === 'complete');
        const history = release.history('in_progress', ...(done ? ['complete'] : ['pending']));
        tasks.push({ id: String(id), complete: false, history, steps: stepsOf(id, scenario.fates, release, DIAMOND) });
        expected.set(String(id), scenario.ends);
        for (const [index, fate] of scenario.fates.entries()) {
          const key = `${id} step_${index + 1}`;
          if (fate === 'complete') finished.add(key);
          if (fate === 'running' && index === 2) once.add(key);
        }
      }
    }
    id += 3;
    tasks.push({ id: String(id), complete: false, history: [], steps: stepsOf(id, ['fresh', 'fresh'], release, LINE) });
    expected.set(String(id), 'complete');
  }
  const client = await test.pool.connect();
  await registerTypes(client, 4);
  await client.query(`
    WITH namespace AS (INSERT INTO tasker.tasker_task_namespaces (name) VALUES ('default') RETURNING task_namespace_id)
    INSERT INTO tasker.tasker_named_tasks (task_namespace_id, name, version)
    SELECT task_namespace_id, 'inherited_order', '1.0.0' FROM namespace`);
  await insertRubyTaskerTasks(client, tasks, order.name);
  client.release();

  // The first migration is killed after the first page that it filled; the second continues. No other process is killed, and none may
  // lose its lease on a busy machine.
  const env = {
    ...SHORT_TIMES,
    TASKER_MAX_STALL_MS: '20000',
    TASKER_LEASE_SECONDS: '30',
    DATABASE_URL: test.url,
    EFFECTS_FILE: join(await scratchFolder(), 'effects'),
  };
  const command = (...args: string[]) => processes.start('src/cli/main.ts', { args, env });
  const killed = command('migrate', 'up');
  await waitFor(
    async () => {
      const [row] = await test
        .query<{ filled: boolean }>(
          'SELECT EXISTS (SELECT FROM tasker.tasker_workflow_steps WHERE named_task_id > 0) AS filled',
        )
        .catch(() => []);
      return row?.filled === true;
    },
    { what: 'the backfill to begin', timeoutMs: 30_000, intervalMs: 5 },
  );
  await killed.kill('SIGKILL');
  expect((await command('migrate', 'up').exited).code).toBe(0);
  expect(await examine(db)).toEqual([]);

  await registerWorkflow(
    db,
    defineWorkflow({ name: 'inherited_refused', version: '1.0.0', input: z.unknown() }).step('other', () => 1),
  );
  const workers = [1, 2].map(() =>
    command('worker', '--workflows', 'test/reliability/inherited/inherited-workflows.ts', '--slots', '20'),
  );
  const scheduler = command('scheduler');
  const states = async () =>
    new Map(
      (await test.query<{ task_id: string; state: string }>('SELECT task_id, state FROM tasker.tasker_tasks')).map(
        (row) => [row.task_id, row.state],
      ),
    );
  await waitFor(
    async () => ![...(await states()).values()].some((state) => state === 'pending' || state === 'in_progress'),
    {
      what: 'every task to end',
      timeoutMs: 60_000,
      intervalMs: 200,
    },
  );
  expect(await states()).toEqual(expected);
  expect(
    await test.query(
      `SELECT k.version, count(*)::integer AS tasks FROM tasker.tasker_tasks t
       JOIN tasker.tasker_named_tasks k USING (named_task_id) GROUP BY 1 ORDER BY 1`,
    ),
  ).toEqual([
    { version: order.version, tasks: tasks.length - RELEASES.length },
    { version: line.version, tasks: RELEASES.length },
  ]);
  for (const worker of workers) expect(worker.lines.join('\n')).toContain(refused.name);

  const effects = readEffects(env.EFFECTS_FILE).map(({ task, step }) => `${task} ${step}`);
  expect(effects.filter((effect) => finished.has(effect) || once.has(effect))).toEqual([]);
  // No worker was killed, so every other step ran once.
  expect(new Set(effects).size).toBe(effects.length);
  expect((await examine(db)).map((finding) => finding.id)).toEqual(['workflow_served_by_its_workers']);
  for (const process of [...workers, scheduler]) expect(await process.kill()).toMatchObject({ code: 0 });
  expect(await examine(db)).toEqual([]);
});
