import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PINNED_PLANS } from '../../src/db/connections/session-settings.ts';
import { claimStatement } from '../../src/db/statements/claims/claim-steps.ts';
import { completeStatement } from '../../src/db/statements/steps/complete-steps.ts';
import { failSteps } from '../../src/db/statements/steps/fail-steps.ts';
import { loadInputs } from '../../src/db/statements/claims/load-inputs.ts';
import { checkIdle } from '../../src/db/statements/claims/idle-check.ts';
import { recoverSteps } from '../../src/db/statements/steps/recover-steps.ts';
import { findHeartbeats } from '../../src/db/statements/workers/expire-leases.ts';
import { releaseSteps } from '../../src/db/statements/steps/release-steps.ts';
import { enqueueDueSteps } from '../../src/db/statements/steps/enqueue-due-retries.ts';
import { findUnfinalizedTasks } from '../../src/db/statements/tasks/finalize-tasks.ts';
import { refreshStatistics } from '../../src/scheduler/chores/refresh-statistics.ts';
import type { ClaimedStep } from '../../src/engine/claim.ts';
import { diamond, type EngineFixture, useEngine } from '../engine/engine-fixture.ts';
import { loadTasks } from '../support/load-tasks.ts';
import { attempts, type Call, call, claiming, completing, failing, historyOf, keptPlanOf, type Plan } from './plan.ts';

const HOT = [
  'tasker_tasks',
  'tasker_workflow_steps',
  'tasker_workflow_step_edges',
  'tasker_workflow_step_transitions',
  'tasker_task_transitions',
  'tasker_claims',
];
/** None of these may be read as a whole. */
const LARGE = new Set(HOT.filter((table) => table !== 'tasker_claims'));
const TASKS = 5000;
const BATCH = 64;
/** PostgreSQL decides for one plan or for many after five executions. */
const EXECUTIONS = 8;

const state = { workflow: 0, worker: '' };
type Held = readonly ClaimedStep[];
const completion = (claimLimit: number) => (held: Held) =>
  call(
    completeStatement({ children: 2 * BATCH, claimLimit, plans: 'pinned' }),
    completing(held, { ...state, claimLimit }),
  );

/** Every hot statement, who runs it, and a call of it for steps that are held. */
const statements: readonly [what: string, role: 'worker' | 'scheduler', callFor: (held: Held) => Call][] = [
  ['claim one', 'worker', () => call(claimStatement(1, 'pinned'), claiming(state.worker, state.workflow))],
  ['claim', 'worker', () => call(claimStatement(BATCH, 'pinned'), claiming(state.worker, state.workflow))],
  ['complete and claim the children', 'worker', completion(1000)],
  ['complete and claim some of the children', 'worker', completion(10)],
  ['complete and leave the children', 'worker', completion(0)],
  ['load inputs', 'worker', (held) => call(loadInputs, attempts(held))],
  ['fail', 'worker', (held) => call(failSteps, failing(held, state.worker))],
  ['release', 'worker', (held) => call(releaseSteps, { ...historyOf(held), worker_id: state.worker })],
  [
    'idle check',
    'worker',
    () =>
      call(checkIdle, {
        queues: ['default'],
        quarantines: ['default~quarantine'],
        named_task_ids: [state.workflow],
        worker_id: state.worker,
        known_claims: [],
      }),
  ],
  ['poll for heartbeats and due retries', 'scheduler', () => call(findHeartbeats)],
  ['enqueue due retries', 'scheduler', () => call(enqueueDueSteps, { limit: 1000 })],
  ['recover steps', 'scheduler', () => call(recoverSteps, { limit: 500, claim_ids: null })],
  ['find unfinalized tasks', 'scheduler', () => call(findUnfinalizedTasks, { limit: 10_000 })],
];

/** How the tables may have become empty, in the eyes of the planner. */
const empties: readonly [what: string, empty: (engine: EngineFixture) => Promise<void>][] = [
  ['had never been analyzed', async () => undefined],
  [
    'had been analyzed like that',
    async ({ test }) => {
      for (const table of HOT) await test.query(`ANALYZE tasker.${table}`);
    },
  ],
  [
    'had been full before, and vacuumed',
    async ({ test }) => {
      await loadTasks(test.pool, { namedTaskId: state.workflow, tasks: 1000, progress: [-1, 0, 1, 2] });
      for (const table of HOT) await test.query(`ANALYZE tasker.${table}`);
      for (const table of HOT) await test.query(`DELETE FROM tasker.${table}`);
      for (const table of HOT) await test.query(`VACUUM (ANALYZE) tasker.${table}`);
    },
  ],
];

describe.each(empties)('statements that were prepared when the tables were empty and %s', async (analyzed, empty) => {
  const engine = await useEngine();
  const { test } = engine;
  const sessions = {
    worker: new pg.Client({
      connectionString: test.directUrl ?? test.url,
      options: PINNED_PLANS.map(({ name, value }) => `-c ${name}=${value}`).join(' '),
    }),
    scheduler: new pg.Client({ connectionString: test.directUrl ?? test.url }),
  };
  /** Of a scheduler, which is what sees that tables were filled. */
  const chore = refreshStatistics({ db: engine.db, intervalMs: 3000 });
  const polls: number[] = [];
  const early = new Map<string, Plan>();
  const kept = new Map<string, Plan>();
  const fresh = new Map<string, Plan>();

  const prepareAll = async (): Promise<void> => {
    for (const [, role, callFor] of statements) {
      const { name, text, values } = callFor([]);
      for (let execution = 0; execution < EXECUTIONS; execution += 1) {
        await sessions[role].query('BEGIN');
        await sessions[role].query({ name, text, values: [...values] });
        await sessions[role].query('ROLLBACK');
      }
    }
  };

  beforeAll(async () => {
    for (const session of Object.values(sessions)) await session.connect();
    // Nothing of the server's own accord may make the plans anew.
    const stored = await test.query<{ table: string }>(
      `SELECT c.oid::regclass::text AS table FROM pg_class c
       WHERE c.relnamespace = 'tasker'::regnamespace AND c.relkind = 'r' AND regexp_replace(c.relname, '_p[0-9]+$', '') = ANY ($1)`,
      [HOT],
    );
    for (const { table } of stored) await test.query(`ALTER TABLE ${table} SET (autovacuum_enabled = off)`);
    state.workflow = await engine.workflow(diamond);
    const worker = await engine.worker();
    state.worker = worker.id;
    await empty(engine);
    await prepareAll();

    await loadTasks(test.pool, { namedTaskId: state.workflow, tasks: TASKS, progress: [-1, -1, 0, 1, 2] });
    const held = await worker.claim(BATCH);
    // Due retries and the steps of a process that died, so that there is something to find.
    const dead = await engine.worker();
    await dead.claim(BATCH);
    const late = await dead.claim(BATCH);
    await test.query(
      `UPDATE tasker.tasker_workflow_steps
       SET state = 'error', in_process = false, claim_id = NULL, claimed_by = NULL, sort_key = sort_key + 1, next_retry_at = now()
       WHERE claim_id = $1`,
      [late[0]?.claimId],
    );
    await test.query(`UPDATE tasker.tasker_workers SET stopped_at = now() WHERE worker_id = $1`, [dead.id]);
    for (const [what, role, callFor] of statements) {
      early.set(what, await keptPlanOf(sessions[role], callFor(held)));
    }
    const first = await chore.run();
    for (const [what, role, callFor] of statements) {
      kept.set(what, await keptPlanOf(sessions[role], callFor(held)));
    }
    polls.push(first.done, (await chore.run()).done);
    // What they cost when they are planned for the tables as they are.
    for (const table of HOT) await test.query(`VACUUM (ANALYZE) tasker.${table}`);
    for (const session of Object.values(sessions)) await session.query('DEALLOCATE ALL');
    for (const [what, role, callFor] of statements) {
      const { name, text, values } = callFor(held);
      const session = sessions[role];
      const again = `${name}_again`;
      await session.query('BEGIN');
      await session.query({ name: again, text, values: [...values] });
      await session.query('ROLLBACK');
      fresh.set(what, await keptPlanOf(session, { name: again, values }));
    }
  }, 120_000);

  afterAll(async () => {
    for (const session of Object.values(sessions)) await session.end();
  });

  /** What the plan reads too much. */
  const excess = (what: string, plan: Plan | undefined): string[] => {
    const { sequential, buffers } = fresh.get(what) as Plan;
    if (plan === undefined) return ['there is no plan'];
    const whole = [...plan.sequential].filter((table) => LARGE.has(table) && !sequential.has(table));
    // Dead rows of the statements before it cost a little; a table read as a whole, once or for each step, many times as much.
    return plan.buffers <= buffers * 2 + 200 ? whole : [...whole, `${plan.buffers} pages, planned anew ${buffers}`];
  };

  it.each(statements)('use their indexes after the next poll of a scheduler: %s', (what) => {
    expect(excess(what, kept.get(what))).toEqual([]);
  });

  it('a poll that finds nothing outgrown analyzes nothing', () => {
    expect(polls[0]).toBeGreaterThanOrEqual(5);
    expect(polls[1]).toBe(0);
  });

  // The settings of its sessions leave a worker no other plan, so it does not depend on a scheduler.
  const atOnce = analyzed === 'had never been analyzed' ? statements.filter(([, role]) => role === 'worker') : [];
  it.each(atOnce)('use them at once: %s', (what) => {
    expect(excess(what, early.get(what))).toEqual([]);
  });
});
