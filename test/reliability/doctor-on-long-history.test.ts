import { afterAll, expect, it } from 'vitest';
import { openDatabase } from '../../src/db/connections/database.ts';
import { examine } from '../../src/db/doctor/examine.ts';
import { claim } from '../../src/engine/claim.ts';
import { complete } from '../../src/engine/complete.ts';
import { registerWorkflow } from '../../src/engine/register-workflow.ts';
import { submit } from '../../src/engine/submit.ts';
import { register } from '../support/register-process.ts';
import { diamond } from '../engine/engine-fixture.ts';
import { useTestDatabase } from '../support/test-database.ts';

const long = process.env['TASKER_TEST_LONG'] === '1';
const test = await useTestDatabase();
const db = openDatabase({ url: test.url, poolSize: 4 });
afterAll(() => db.close());

/** 10 transitions of a diamond: 8 of its steps, 2 of the task. */
const TASKS = long ? 120_000 : 2000;

it(`the doctor checks a history of ${TASKS * 10} transitions`, async () => {
  const namedTaskId = await registerWorkflow(db, diamond);
  const workerId = await register(db, {
    role: 'worker',
    name: 'test',
    version: '0',
    queues: ['default'],
    slots: 500,
    leaseSeconds: 3600,
    sessionLock: null,
  });
  for (let from = 0; from < TASKS; from += 2000) {
    await submit(
      db,
      Array.from({ length: 2000 }, (_, index) => ({
        namedTaskId,
        identityHash: `long ${from + index}`,
        context: '{}',
      })),
    );
    for (;;) {
      const steps = await claim(db, { workerId, queue: 'default', namedTaskIds: [namedTaskId], limit: 512 });
      if (steps.length === 0) break;
      const completions = steps.map((step) => ({ ...step, result: '1' }));
      const closedClaims = steps.slice(0, 1).map((step) => step.claimId);
      await complete(db, { workerId, completions, claimLimit: 0, queues: [], namedTaskIds: [], closedClaims });
    }
  }
  await test.query('ANALYZE');
  const [counted] = await test.query<{ n: number }>(
    `SELECT (SELECT count(*) FROM tasker.tasker_workflow_step_transitions)::integer + (SELECT count(*) FROM tasker.tasker_task_transitions)::integer AS n`,
  );
  const times: [string, number][] = [];
  const started = performance.now();
  expect(await examine(db, { onCheck: (check, seconds) => times.push([check.id, seconds]) })).toEqual([]);
  const seconds = (performance.now() - started) / 1000;
  const slowest = times.toSorted((a, b) => b[1] - a[1]).slice(0, 6);
  const shown = slowest.map(([check, took]) => `${check} ${took.toFixed(1)} s`).join(', ');
  console.log(
    `checker: ${counted?.n} transitions, ${times.length} checks in ${seconds.toFixed(1)} s; slowest ${shown}`,
  );
  expect(counted?.n).toBe(TASKS * 10);
});
