import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, inject, it } from 'vitest';
import { type Database, openDatabase } from '../../../src/db/connections/database.ts';
import { registerWorkflow } from '../../../src/engine/register-workflow.ts';
import { submit } from '../../../src/engine/submit.ts';
import { useProcesses } from '../../support/processes.ts';
import { type Call, type CutMoment, startProxy, type TcpProxy } from '../../support/tcp-proxy.ts';
import { useTestDatabase } from '../../support/test-database.ts';
import { waitFor } from '../../support/wait-for.ts';
import { SHORT_TIMES, supervise, type Supervised } from '../support/fleet.ts';
import { expectHealed } from './expect-healed.ts';
import { matrix } from './matrix-workflows.ts';

const long = process.env['TASKER_TEST_LONG'] === '1';
const test = await useTestDatabase();
const processes = useProcesses();
const effectsFile = join(inject('testRun').scratchDir, 'effects-of-kills.jsonl');
const holdFile = join(inject('testRun').scratchDir, 'hold-in-kills');
const WORKFLOWS = ['--workflows', 'test/reliability/crash-matrix/matrix-workflows.ts'];

let db: Database;
let worker: Supervised;
let scheduler: Supervised;
const proxies: Record<string, TcpProxy> = {};
const figures = { kills: 0, steps: 0, attempts: 0, crashes: 0, effects: 0, worst_heal_seconds: 0 };

beforeAll(async () => {
  db = openDatabase({ url: test.url, poolSize: 4 });
  for (const role of ['worker', 'scheduler']) proxies[role] = await startProxy({ target: test.url });
  const start = (role: string, args: string[]) =>
    supervise(() =>
      processes.start('src/cli/main.ts', {
        args: [role, ...args],
        env: {
          ...SHORT_TIMES,
          TASKER_DRAIN_GRACE_SECONDS: '0',
          DATABASE_URL: (proxies[role] as TcpProxy).url(test.url),
          EFFECTS_FILE: effectsFile,
          HOLD_FILE: holdFile,
        },
      }),
    );
  worker = start('worker', WORKFLOWS);
  scheduler = start('scheduler', []);
});
afterAll(async () => {
  await Promise.all([worker.stop(), scheduler.stop()]);
  for (const proxy of Object.values(proxies)) await proxy.close();
  await db.close();
  console.log(`crash matrix, processes killed: ${JSON.stringify(figures)}`);
});

const MOMENTS = ['before', 'executed', 'committed'] as const;
const CELLS: { role: 'worker' | 'scheduler'; statement: string; moment: CutMoment }[] = [
  ...['claim_steps', 'complete_steps', 'fail_steps', 'flag_blocked_tasks', 'end_stuck_tasks', 'COMMIT'].flatMap(
    (statement) =>
      MOMENTS.filter((moment) => statement !== 'COMMIT' || moment !== 'executed').map((moment) => ({
        role: 'worker' as const,
        statement,
        moment,
      })),
  ),
  ...['heartbeat', 'release_steps', 'adopt_claim', 'register_worker', 'upsert_step_templates'].flatMap((statement) =>
    MOMENTS.map((moment) => ({ role: 'worker' as const, statement, moment })),
  ),
  ...['requeue_due', 'expire_workers', 'recover_steps'].flatMap((statement) =>
    MOMENTS.map((moment) => ({ role: 'scheduler' as const, statement, moment })),
  ),
];
const SHORT = new Set([
  'worker complete_steps executed',
  'worker COMMIT before',
  'worker release_steps executed',
  'worker adopt_claim before',
  'worker register_worker committed',
  'scheduler recover_steps executed',
]);
const matches =
  (statement: string) =>
  ({ name, text }: Call): boolean => {
    // The connection of the heartbeat thread has no prepared statements.
    if (statement === 'heartbeat') return text.includes('SET heartbeat_at');
    return statement === 'COMMIT' ? text === 'COMMIT' : name.startsWith(statement);
  };
const cells = CELLS.filter((cell) => long || SHORT.has(`${cell.role} ${cell.statement} ${cell.moment}`));

let tasks = 0;

/** Has the worker send a statement that it does not send in normal operation. */
const restart = async (): Promise<void> => {
  await worker.current.kill('SIGKILL');
  figures.kills += 1;
};
const PROVOKE: Record<string, (taskIds: readonly string[]) => Promise<void>> = {
  register_worker: restart,
  async upsert_step_templates() {
    await test.query(`UPDATE tasker.tasker_named_tasks SET definition_hash = 'of another version'`);
    await restart();
  },
  async adopt_claim() {
    // The response to the claim is lost first.
    await (proxies['worker'] as TcpProxy).cutOn(matches('claim_steps'), { moment: 'committed' }).fired;
  },
  async release_steps(taskIds) {
    await waitFor(
      async () =>
        (
          await test.query(
            `SELECT FROM tasker.tasker_workflow_steps
             WHERE task_id = ANY ($1::bigint[]) AND workflow_step_id % 65536 = 2 AND in_process`,
            [taskIds],
          )
        ).length === taskIds.length,
      { what: 'every step b to wait for its abort', timeoutMs: 30_000 },
    );
    rmSync(holdFile);
    process.kill(worker.current.pid, 'SIGTERM');
  },
};

afterEach(() => rmSync(holdFile, { force: true }));
it.each(cells)('kill -9 of the $role at $statement, $moment', async ({ role, statement, moment }) => {
  await waitFor(() => worker.current.lines.some((line) => line.includes('worker started')), { what: 'the worker' });
  await waitFor(() => scheduler.current.lines.some((line) => line.includes('scheduler started')), {
    what: 'the scheduler',
  });
  if (statement === 'release_steps') writeFileSync(holdFile, '');
  const cut = (proxies[role] as TcpProxy).cutOn(matches(statement), { moment });
  const victim = role === 'worker' ? worker : scheduler;
  const killed = cut.fired.then(() => process.kill(victim.current.pid, 'SIGKILL'));
  const namedTaskId = await registerWorkflow(db, matrix);
  const submitted = await submit(
    db,
    [false, false, false, true].map((doomed) => {
      tasks += 1;
      return { namedTaskId, identityHash: `kill ${tasks}`, context: JSON.stringify({ doomed }) };
    }),
  );
  const taskIds = submitted.map(({ taskId }) => taskId);
  if (role === 'scheduler' && statement !== 'requeue_due') {
    // Without a dead worker the scheduler would recover nothing.
    await worker.current.kill('SIGKILL');
    figures.kills += 1;
  }
  await PROVOKE[statement]?.(taskIds);
  await killed;
  cut.cancel();
  figures.kills += 1;
  const started = performance.now();
  await waitFor(
    async () => {
      const open = await test.query(
        `SELECT FROM tasker.tasker_tasks WHERE task_id = ANY ($1::bigint[]) AND state IN ('pending', 'in_progress')`,
        [taskIds],
      );
      return open.length === 0;
    },
    { what: 'the fleet to heal', timeoutMs: 60_000, intervalMs: 50 },
  );
  figures.worst_heal_seconds = Math.max(figures.worst_heal_seconds, (performance.now() - started) / 1000);
  const counts = await expectHealed(test, db, { taskIds, effectsFile });
  expect(counts.steps).toBe(16);
  for (const key of ['steps', 'attempts', 'crashes', 'effects'] as const) figures[key] += counts[key];
});
