import fc from '../support/fast-check.ts';
import type pg from 'pg';
import { describe, expect, it } from 'vitest';
import { claim, type ClaimedStep } from '../../src/engine/claim.ts';
import { complete } from '../../src/engine/complete.ts';
import { release } from '../../src/engine/release.ts';
import { submit } from '../../src/engine/submit.ts';
import { inCallersTransaction } from '../../src/db/connections/callers-transaction.ts';
import { ClaimCursors } from '../../src/worker/scope/claim-cursors.ts';
import type { ReadyRange } from '../../src/db/statements/claims/ready-ranges.ts';
import { LEAST_URGENT } from '../../src/workflow/priority.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { z } from 'zod';
import { useEngine } from './engine-fixture.ts';

/**
 * Random arrivals in two queues: tasks of several priorities, committed at once or by a transaction that stays open over several
 * claims, steps that are given back, and claims that go on where the last one ended. No claim here scans a whole queue but the
 * first, so nothing hides a position that is too late.
 */
const engine = await useEngine({ plans: 'pinned' });
const chain = (name: string, queue: string) =>
  defineWorkflow({ name, input: z.unknown() })
    .step('first', { queue }, () => 1)
    .step('second', { queue, dependsOn: ['first'] }, () => 2);
const QUEUES = ['red', 'blue'];
const workflows = [await engine.workflow(chain('red', 'red')), await engine.workflow(chain('blue', 'blue'))];

const queue = fc.constantFrom(0, 1);
const priority = fc.constantFrom(-5, 0, 0, 0, 3, 7);
const command = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('submit' as const), queue, priority, late: fc.boolean() }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('claim' as const), queue, limit: fc.constantFrom(1, 2, 4, 8) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('commit' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('release' as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('complete' as const), slots: fc.constantFrom(0, 1, 2, 16) }) },
);

/** Priorities of the committed ready steps, most urgent first. */
async function waiting(queueName: string, limit: number): Promise<number[]> {
  const rows = await engine.test.query<{ priority: number }>(
    `SELECT priority FROM tasker.tasker_workflow_steps WHERE queue = $1 AND ready_at IS NOT NULL ORDER BY priority LIMIT $2`,
    [queueName, limit],
  );
  return rows.map((row) => row.priority);
}

async function prioritiesOf(steps: readonly ClaimedStep[]): Promise<{ queue: string; priority: number }[]> {
  return engine.test.query(
    `SELECT queue, priority FROM tasker.tasker_workflow_steps WHERE workflow_step_id = ANY ($1::bigint[]) ORDER BY priority`,
    [steps.map((step) => step.stepId)],
  );
}

let identities = 0;

async function play(commands: readonly (typeof command extends fc.Arbitrary<infer C> ? C : never)[]): Promise<void> {
  const worker = await engine.worker();
  // Long enough for a machine that stands still for a second: no transaction is missed here.
  const cursors = new ClaimCursors(QUEUES, 1000, 600_000_000);
  const open: pg.PoolClient[] = [];
  let held: ClaimedStep[] = [];
  try {
    for (const one of commands) {
      if (one.do === 'submit') {
        const task = {
          namedTaskId: workflows[one.queue] as number,
          identityHash: `urgent ${(identities += 1)}`,
          context: '{}',
          priority: one.priority,
        };
        if (one.late && open.length < 3) {
          const client = await engine.test.pool.connect();
          open.push(client);
          await client.query('BEGIN');
          await submit({ ...engine.db, ...inCallersTransaction(client) }, [task]);
        } else await submit(engine.db, [task]);
      } else if (one.do === 'commit') {
        const client = open.shift();
        await client?.query('COMMIT');
        client?.release();
      } else if (one.do === 'claim') {
        const name = QUEUES[one.queue] as string;
        const cursor = cursors.of(name);
        const ranges: readonly ReadyRange[] = cursor.rangesBelow(LEAST_URGENT + 1);
        const expected = await waiting(name, one.limit);
        let scan: Parameters<typeof cursor.claimed>[0]['scan'];
        const steps = await claim(engine.db, {
          workerId: worker.id,
          queue: name,
          namedTaskIds: workflows,
          limit: one.limit,
          ranges,
          onScan: (seen) => (scan = seen),
        });
        cursor.claimed({ whole: false, full: steps.length === one.limit, scan, startedAtMs: 0, ms: 0 });
        expect((await prioritiesOf(steps)).map((step) => step.priority)).toEqual(expected);
        held.push(...steps);
      } else if (one.do === 'release') {
        await release(engine.db, { workerId: worker.id, steps: held.splice(0, 2) });
      } else {
        const ended = held.splice(0, 3);
        if (ended.length === 0) continue;
        const chainBounds = cursors.chainBounds();
        const urgent = new Map<string, number>();
        for (const name of QUEUES) urgent.set(name, (await waiting(name, 1))[0] ?? Infinity);
        const outcome = await complete(engine.db, {
          workerId: worker.id,
          completions: ended.map((step) => ({ ...step, result: '1' })),
          claimLimit: chainBounds === undefined ? 0 : one.slots,
          queues: QUEUES,
          namedTaskIds: workflows,
          chainBounds,
        });
        for (const step of await prioritiesOf(outcome.claimed))
          expect(step.priority).toBeLessThanOrEqual(urgent.get(step.queue) as number);
        held = [...outcome.claimed, ...held];
      }
    }
  } finally {
    for (const client of open) {
      await client.query('ROLLBACK');
      client.release();
    }
    await engine.test.query('TRUNCATE tasker.tasker_claims');
    await engine.test.query(
      `UPDATE tasker.tasker_workflow_steps SET ready_at = NULL, unmet_parents = greatest(unmet_parents, 1) WHERE ready_at IS NOT NULL`,
    );
  }
}

describe('whatever arrives in whatever order', () => {
  it('a claim takes the most urgent ready steps, and a completion claims no child that is less urgent than a ready step', async () => {
    await fc.assert(fc.asyncProperty(fc.array(command, { minLength: 30, maxLength: 60, size: 'max' }), play), {
      numRuns: Number(process.env['TASKER_TEST_RUNS'] ?? 40),
      endOnFailure: false,
    });
  });

  it('children are claimed by the completion while nothing more urgent is ready', async () => {
    const worker = await engine.worker();
    const cursors = new ClaimCursors(QUEUES, 1000);
    await submit(engine.db, [
      { namedTaskId: workflows[0] as number, identityHash: `urgent ${(identities += 1)}`, context: '{}' },
    ]);
    const finish = async (steps: readonly ClaimedStep[]) =>
      complete(engine.db, {
        workerId: worker.id,
        completions: steps.map((step) => ({ ...step, result: '1' })),
        claimLimit: 8,
        queues: QUEUES,
        namedTaskIds: workflows,
        chainBounds: cursors.chainBounds(),
      });
    const steps = await claim(engine.db, {
      workerId: worker.id,
      queue: 'red',
      namedTaskIds: workflows,
      limit: 1,
      onScan: (scan) => cursors.of('red').claimed({ whole: true, full: true, scan, startedAtMs: 0, ms: 0 }),
    });
    expect((await finish(steps)).claimed).toHaveLength(1);
  });
});
