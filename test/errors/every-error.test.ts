import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { openDatabase } from '../../src/db/connections/database.ts';
import { examine } from '../../src/db/doctor/examine.ts';
import { isOutcomeUnknown } from '../../src/db/connections/sql-errors.ts';
import { recover } from '../../src/engine/recover.ts';
import { Completer } from '../../src/worker/completing/completer.ts';
import type { Claimed, Outcome } from '../../src/worker/scope/outputs.ts';
import { Claimer } from '../../src/worker/claiming/claimer.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { useEngine } from '../engine/engine-fixture.ts';
import { noEvents } from '../worker/no-events.ts';
import { registryOf, scopeOf } from '../worker/scope-fixture.ts';
import { failingDatabase, type Moment } from './failing-database.ts';
import { ABOUT_VALUES, NAMES, THROWN } from './thrown.ts';

const engine = await useEngine();
const single = await engine.workflow(defineWorkflow({ name: 'single', input: z.unknown() }).step('a', () => 1));
const db = openDatabase({ url: engine.test.url, poolSize: 8, prepared: engine.test.directUrl !== undefined });
afterAll(() => db.close());

const OUTCOMES = {
  complete: { kind: 'complete', result: '"kept"' },
  fail: {
    kind: 'fail',
    cause: 'fail',
    permanent: true,
    requestedBackoffSeconds: undefined,
    error: { name: 'Own', message: '' },
    metadata: '{"error":{"name":"Own"}}',
  },
  release: { kind: 'release' },
} satisfies Record<string, Outcome>;
type Kind = keyof typeof OUTCOMES;

const CLAIM = /^claim_steps/;
const FAILING = [/^complete_steps/, /^fail_steps/, /^release_steps/, /^find_ended/, /^adopt_claim/];

/** Claims the steps of a queue and records their outcomes, over a database on which each statement fails once. */
async function endOver(thrown: unknown, moment: Moment, queue: string, workerId: string, taskIds: Map<string, Kind>) {
  // An error which means that a statement was rolled back would be false for a committed claim. A completion has a second statement,
  // which may fail that way.
  const claimToo = moment === 'before' || isOutcomeUnknown(thrown);
  const failing = failingDatabase(db, claimToo ? [CLAIM, ...FAILING] : FAILING, thrown, moment);
  const scope = scopeOf({
    db: failing,
    lease: { current: workerId, last: workerId },
    handlers: registryOf(single),
    events: noEvents,
    settings: { queues: [queue], claimBatch: 8, pollIntervalMs: 10, maxPollIntervalMs: 10, backoffCapSeconds: 1 },
  });
  const { claims, slots } = scope;
  const completer = new Completer(scope, 100);
  completer.onRecorded = ({ ended }) => {
    for (const { step } of ended) claims.stepEnded(step.claimId);
  };
  const { promise: all, resolve } = Promise.withResolvers<void>();
  let claimed = 0;
  const accept = ({ claimId, steps, reserved }: Claimed): void => {
    slots.unreserve(reserved);
    claimed += steps.length;
    for (const step of steps) claims.opened(step.claimId, 1);
    for (const step of steps)
      completer.add({ step, type: undefined, outcome: OUTCOMES[taskIds.get(step.taskId) as Kind], seconds: 0 });
    if (claimed >= taskIds.size) resolve();
    claims.responded(claimId);
  };
  const claimer = new Claimer(scope, {
    intake: { accept },
    completer: { backlog: 0 },
    idleCheck: { anyReady: async () => true },
    onRound: () => undefined,
  });
  claimer.start();
  await all;
  await claimer.stop();
  await completer.drained();
  completer.stop();
  return { failed: failing.failed };
}

interface Ended {
  task_id: string;
  state: string;
  attempts: number;
  ended: number;
  error: string | null;
}

const KINDS = Object.keys(OUTCOMES) as Kind[];

describe.each(['before', 'after'] as const)('an error %s its statement has committed', (moment) => {
  const names = NAMES.filter((name) => moment === 'before' || !ABOUT_VALUES.has(name));

  it('loses no outcome, whatever the error, at claim, complete, fail and release', async () => {
    const worker = await engine.worker(600);
    const tasks = new Map<string, { name: string; kind: Kind }>();
    await Promise.all(
      names.map(async (name, index) => {
        const queue = `${moment}-${index}`;
        const kinds = new Map<string, Kind>();
        for (const kind of KINDS) {
          const taskId = await engine.submitOne(single);
          kinds.set(taskId, kind);
          tasks.set(taskId, { name, kind });
        }
        await engine.test.query('UPDATE tasker.tasker_workflow_steps SET queue = $1 WHERE task_id = ANY ($2)', [
          queue,
          [...kinds.keys()],
        ]);
        const { failed } = await endOver(THROWN.get(name), moment, queue, worker.id, kinds);
        // Complete, fail and release at least.
        expect([name, failed >= 3]).toEqual([name, true]);
      }),
    );
    const rows = await engine.test.query<Ended>(
      `SELECT s.task_id, s.state, s.attempts, count(t.*)::integer AS ended, max(t.metadata #>> '{error,name}') AS error
       FROM tasker.tasker_workflow_steps s
       LEFT JOIN tasker.tasker_workflow_step_transitions t USING (task_id, workflow_step_id)
       WHERE s.task_id = ANY ($1) AND t.from_state = 'in_progress'
       GROUP BY s.task_id, s.workflow_step_id, s.state, s.attempts`,
      [[...tasks.keys()]],
    );
    const found = rows.map((row) => ({ ...(tasks.get(row.task_id) as { name: string; kind: Kind }), ...row }));
    const wanted = [...tasks].map(([task_id, { name, kind }]) => {
      const refused = ABOUT_VALUES.has(name) && kind !== 'fail';
      const as = {
        complete: refused ? ['error', 1, 1, 'UnstorableResult'] : ['complete', 1, 1, null],
        // If it is refused once, the step fails permanently with a reason that can be stored.
        fail: ['error', 1, 1, ABOUT_VALUES.has(name) ? 'UnstorableResult' : 'Own'],
        // A release has no value that could be replaced: the step is left to recovery.
        release: refused ? undefined : ['pending', 0, 1, null],
      }[kind];
      if (as === undefined) return undefined;
      const [state, attempts, ended, error] = as;
      return { name, kind, task_id, state, attempts, ended, error };
    });
    const order = (a: { task_id: string }, b: { task_id: string }): number => Number(a.task_id) - Number(b.task_id);
    expect(found.toSorted(order)).toEqual(wanted.filter((row) => row !== undefined).toSorted(order));
    // Abandoned outcomes are recovered by the row of their claim when the worker ends.
    await engine.test.query(`UPDATE tasker.tasker_workers SET stopped_at = now() WHERE worker_id = $1`, [worker.id]);
    await recover(engine.db, { silentSeconds: 60 });
    expect(await examine(engine.db)).toEqual([]);
  });
});
