import type { PoolClient } from 'pg';
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { cancel } from '../../src/engine/cancel.ts';
import { claim } from '../../src/engine/claim.ts';
import { complete } from '../../src/engine/complete.ts';
import { registerWorkflow } from '../../src/engine/register-workflow.ts';
import { release } from '../../src/engine/release.ts';
import { resolveStep } from '../../src/engine/resolve.ts';
import { retry } from '../../src/engine/retry.ts';
import { submit } from '../../src/engine/submit.ts';
import { register } from '../support/register-process.ts';
import { PermanentError } from '../../src/errors.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { amcheck } from '../chaos/amcheck.ts';
import { type Query, replayAll } from '../chaos/reference/dump.ts';
import { type ClaimOwners, replayTask, type Transition } from '../chaos/reference/model.ts';
import { useWorkers } from '../worker/worker-fixture.ts';
import { corruptionsOf, HISTORY, type Kind, KINDS } from './reference-model-corruptions.ts';

const long = process.env['TASKER_TEST_LONG'] === '1';
const fleet = await useWorkers();

let mended = false;
/** a -> (b, c) -> d; b behaves as the input says. */
const storied = defineWorkflow({ name: 'storied', input: z.object({ kind: z.enum(KINDS) }) })
  .step('a', () => 'a')
  .step('b', { dependsOn: ['a'] }, ({ input, attempt }) => {
    if (input.kind === 'flaky' && attempt < 3) throw new Error('not yet');
    if (['broken', 'resolved', 'retried'].includes(input.kind) && !mended) throw new PermanentError('never');
    return 'b';
  })
  .step('c', { dependsOn: ['a'] }, () => 'c')
  .step('d', { dependsOn: ['b', 'c'] }, () => 'd');

const tasks = new Map<string, string>();
const of = (kind: Kind): string => tasks.get(kind) as string;

const workerId = (): Promise<string> =>
  register(fleet.db, {
    role: 'worker',
    name: 'by hand',
    version: '0',
    queues: ['default'],
    slots: 9,
    leaseSeconds: 3600,
    sessionLock: null,
  });

/** Real histories with everything that the engine does: retries, blocked steps, operator actions, a crash, releases. */
beforeAll(async () => {
  const namedTaskId = await registerWorkflow(fleet.db, storied);
  tasks.set('dead', await fleet.submit(storied, { kind: 'dead' }));
  const [releasing, crashing] = [await workerId(), await workerId()];
  const take = (id: string) =>
    claim(fleet.db, { workerId: id, queue: 'default', namedTaskIds: [namedTaskId], limit: 1 });
  await release(fleet.db, { workerId: releasing, steps: await take(releasing) });
  await take(crashing);
  await fleet.test.query('UPDATE tasker.tasker_workers SET lease_expires_at = now() WHERE worker_id = $1', [crashing]);
  tasks.set('cancelled', await fleet.submit(storied, { kind: 'cancelled' }));
  await cancel(fleet.db, of('cancelled'));
  for (const kind of ['plain', 'flaky', 'broken', 'resolved', 'retried'] as const) {
    tasks.set(kind, await fleet.submit(storied, { kind }));
  }
  const worker = await fleet.start([storied]);
  for (const kind of ['broken', 'resolved', 'retried'] as const) await fleet.taskIn(of(kind), ['error']);
  mended = true;
  await resolveStep(fleet.db, of('resolved'), 'b');
  await retry(fleet.db, of('retried'));
  for (const kind of ['plain', 'flaky', 'resolved', 'retried', 'dead'] as const) {
    await fleet.taskIn(of(kind), ['complete', 'resolved_manually']);
  }
  await worker.stop();
}, 60_000);

const through =
  (client: PoolClient): Query =>
  async <Row extends object>(text: string, values?: unknown[]) =>
    (await client.query<Row>(text, values)).rows;

/** What the model finds after these corruptions, which are rolled back; schema changes are part of the transaction. */
async function found(...corruptions: string[]): Promise<string[]> {
  const client = await fleet.test.pool.connect();
  try {
    await client.query('BEGIN');
    for (const text of corruptions) expect((await client.query(text)).rowCount, text).not.toBe(0);
    // Small pages, so that the tasks lie on several of them.
    const { differences } = await replayAll(through(client), 2);
    return [...new Set(differences.map(({ kind }) => kind))].toSorted();
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
}

describe('the model', () => {
  it('agrees with the histories of the engine', async () => {
    const causes = await fleet.test.query<{ cause: string }>(`SELECT DISTINCT cause FROM ${HISTORY} ORDER BY cause`);
    expect(causes.map(({ cause }) => cause)).toEqual([
      'cancel',
      'claim',
      'complete',
      'fail',
      'lease_expired',
      'operator_resolve',
      'operator_retry',
      'released',
      'retry_due',
    ]);
    expect(await found()).toEqual([]);
    const client = await fleet.test.pool.connect();
    try {
      const replay = await replayAll(through(client));
      expect(replay).toMatchObject({ tasks: 7, steps: 28, differences: [] });
      const [counted] = await fleet.test.query<{ n: number }>(
        `SELECT ((SELECT count(*) FROM ${HISTORY}) + (SELECT count(*) FROM tasker.tasker_task_transitions))::integer AS n`,
      );
      expect(replay.transitions).toBe(counted?.n);
    } finally {
      client.release();
    }
  });

  it.each(corruptionsOf(of))('finds: %s', async (kind, corruption) => {
    expect(await found(...corruption())).toContain(kind);
  });

  it('finds a child whose claim was committed before its parent', () => {
    const at = (sortKey: number, from: string, to: string, cause: string, committedAt: number): Transition => ({
      sortKey,
      from,
      to,
      cause,
      mostRecent: sortKey === 2,
      claimId: 'claim',
      workerId: '1',
      at: 1000 * committedAt + sortKey,
      committedAt,
    });
    const history = (committedAt: number): Transition[] => [
      at(1, 'pending', 'in_progress', 'claim', committedAt),
      at(2, 'in_progress', 'complete', 'complete', committedAt),
    ];
    const row = { state: 'complete', sortKey: 2, attempts: 1, retryLimit: 3, inProcess: false, processed: true };
    const dump = (parent: Transition[]) => ({
      id: '1',
      task: { state: 'complete', sortKey: 2, complete: true, unfinishedSinks: 0, traceContext: null },
      transitions: history(9),
      steps: [
        { ...row, id: '1', claimId: null, unmetParents: 0, children: ['2'] },
        { ...row, id: '2', claimId: null, unmetParents: 0, children: [] },
      ],
      stepTransitions: new Map([
        ['1', parent],
        ['2', history(5)],
      ]),
      edges: [{ from: '1', to: '2' }],
    });
    const owners = (): ClaimOwners => new Map();
    const problems = (parent: Transition[]) =>
      replayTask(dump(parent), owners()).filter(({ kind }) => kind.includes('before its parent'));
    expect(problems(history(4))).toEqual([]);
    const late = history(4).map((transition) => ({ ...transition, committedAt: 6 }));
    expect(problems(late).map(({ kind }) => kind)).toEqual(['committed before its parent']);
  });
});

/** 10 transitions of a diamond: 8 of its steps, 2 of the task. */
const DIAMONDS = long ? 32_000 : 2000;

it(`replays ${DIAMONDS * 10} transitions, a page at a time`, async () => {
  const namedTaskId = await registerWorkflow(fleet.db, storied);
  const id = await workerId();
  for (let from = 0; from < DIAMONDS; from += 2000) {
    await submit(
      fleet.db,
      Array.from({ length: 2000 }, (_, index) => ({
        namedTaskId,
        identityHash: `many ${from + index}`,
        context: '{}',
      })),
    );
    for (;;) {
      const steps = await claim(fleet.db, { workerId: id, queue: 'default', namedTaskIds: [namedTaskId], limit: 512 });
      if (steps.length === 0) break;
      await complete(fleet.db, {
        workerId: id,
        completions: steps.map((each) => ({ ...each, result: '1' })),
        claimLimit: 0,
        queues: [],
        namedTaskIds: [],
        closedClaims: [],
      });
    }
  }
  const client = await fleet.test.pool.connect();
  try {
    const started = performance.now();
    const replay = await replayAll(through(client));
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    console.log(`reference model: ${replay.transitions} transitions in ${seconds} s`);
    expect(replay.differences).toEqual([]);
    expect(replay.transitions).toBeGreaterThan(DIAMONDS * 10);
  } finally {
    client.release();
  }
});

describe('amcheck', () => {
  it('checks every table and index', async () => {
    const client = await fleet.test.pool.connect();
    try {
      const { checked, violations } = await amcheck(through(client));
      expect(violations).toEqual([]);
      expect(checked).toMatch(/^\d\d+ indexes and \d\d+ tables$/);
    } finally {
      client.release();
    }
  });

  it('finds a row that is missing in its index', async () => {
    const client = await fleet.test.pool.connect();
    try {
      await client.query('BEGIN');
      const pretend = (body: string): Promise<unknown> =>
        client.query(
          `CREATE OR REPLACE FUNCTION tasker.pretend(n bigint) RETURNS bigint IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN ${body}; END'`,
        );
      await pretend('n');
      await client.query('CREATE INDEX pretended ON tasker.tasker_tasks (tasker.pretend(task_id))');
      await pretend('n + 1000000');
      const { violations } = await amcheck(through(client));
      expect(violations.map(({ kind }) => kind)).toContain('amcheck index');
      expect(violations[0]?.detail).toMatch(/^pretended: .*lacks matching index tuple/);
    } finally {
      await client.query('ROLLBACK');
      client.release();
    }
  });
});
