import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, it } from 'vitest';
import { createClient } from '../../src/client/client.ts';
import type { PreviewedOperation } from '../../src/client/operations.ts';
import { examine } from '../../src/db/doctor/examine.ts';
import type { OperationRow } from '../../src/db/statements/operations/operations.ts';
import { useEngine } from '../engine/engine-fixture.ts';
import { CAUSES, frailIn, useFailures } from '../engine/operations-fixture.ts';
import { useProcesses } from '../support/processes.ts';
import { waitFor } from '../support/wait-for.ts';
import { SHORT_TIMES, supervise } from './support/fleet.ts';

const long = process.env['TASKER_TEST_LONG'] === '1';
/** Failures of the cause that is retried, of two others, and of those that come after the preview. */
const SIZES = long ? { bank: 6000, card: 3000, mail: 1000, later: 100 } : { bank: 300, card: 60, mail: 40, later: 20 };
const PACE = 50;
const TIMEOUT_MS = long ? 900_000 : 120_000;

const engine = await useEngine();
const processes = useProcesses();
const client = createClient({ url: engine.test.url, notify: false });
afterAll(() => client.close());
const tasks = await useFailures(engine, await engine.workflow(frailIn('shop')));

async function rows<Row extends object>(sql: string, ...values: unknown[]): Promise<Row[]> {
  return engine.test.query<Row>(sql, values);
}

it(
  'acts on each chosen task once, at its pace, through deaths of schedulers, stops when failures come back, and on no task that came later',
  async () => {
    const chosen = await tasks.failed(SIZES.bank, 'bank');
    const others = [...(await tasks.failed(SIZES.card, 'card')), ...(await tasks.failed(SIZES.mail, 'mail'))];
    const all = (await client.operations.preview({
      action: 'retry',
      filter: { workflow: 'frail' },
    })) as PreviewedOperation;
    expect(all.operation).toMatchObject({
      total: SIZES.bank + SIZES.card + SIZES.mail,
      preview: {
        allowed: { retry: SIZES.bank + SIZES.card + SIZES.mail },
        fingerprints: [
          { fingerprint: CAUSES.bank, tasks: SIZES.bank },
          { fingerprint: CAUSES.card, tasks: SIZES.card },
          { fingerprint: CAUSES.mail, tasks: SIZES.mail },
        ],
      },
    });
    const request = {
      action: 'retry' as const,
      canary: '1%',
      pacePerSecond: PACE,
      by: 'ada',
      reason: 'the bank is back',
    };
    const previewed = (await client.operations.preview({
      ...request,
      filter: { fingerprint: CAUSES.bank },
    })) as PreviewedOperation;
    const { operation_id: id, total, canary } = previewed.operation;
    expect([total, canary]).toEqual([SIZES.bank, SIZES.bank / 100]);
    const later = await tasks.failed(SIZES.later, 'bank');

    const schedulers = [1, 2].map(() =>
      supervise(() =>
        processes.start('src/cli/main.ts', {
          args: ['scheduler'],
          env: { ...SHORT_TIMES, DATABASE_URL: engine.test.url, TASKER_DRAIN_GRACE_SECONDS: '0' },
        }),
      ),
    );
    // What a worker does: everything that is retried goes well, or fails as before.
    let bad = false;
    let working = true;
    const worker = (async () => {
      while (working) {
        await tasks.work(() => (bad ? 'bank' : undefined));
        await sleep(100);
      }
    })();
    const get = async (): Promise<OperationRow> => (await client.operations.get(id)) as OperationRow;
    const until = async (what: string, holds: (row: OperationRow) => boolean): Promise<OperationRow> => {
      await waitFor(async () => holds(await get()), { what, timeoutMs: TIMEOUT_MS / 2 }).catch(async (error: Error) => {
        // Whether the operation stands still, or those who work on it could not start.
        const ran = schedulers.map(
          ({ ends, current }) => `ended ${ends.join(', ')}; ${current.lines.slice(-3).join(' ')}`,
        );
        throw new Error(`${error.message}: ${JSON.stringify(await get())}; schedulers: ${ran.join(' | ')}`);
      });
      return get();
    };
    try {
      await client.operations.start(previewed.token, { by: 'ada' });
      await until('the canary to be over', (row) => row.canary_passed);
      await until('a third', (row) => row.done >= total * 0.3);
      const killed = schedulers[0]?.current.kill('SIGKILL');
      await until('the other scheduler to go on', (row) => row.done >= total * 0.4);
      await Promise.all([killed, ...schedulers.map((scheduler) => scheduler.current.kill('SIGKILL'))]);
      const before = (await until('both to have begun again', (row) => row.done >= total * 0.5)).done;
      bad = true;
      const stopped = await until('the stop', (row) => row.state === 'stopped');
      expect(stopped.came_back).toBeGreaterThanOrEqual(0.2 * stopped.done);
      // What the share needs, what was under way when it was reached, and what went well in between.
      expect(stopped.done).toBeLessThan(before / 0.8 + 4 * PACE);
      await sleep(1500);
      expect((await get()).done).toBe(stopped.done);

      bad = false;
      expect(await client.operations.resume(id, { by: 'bob' })).toMatchObject({ outcome: 'resumed' });
      await until('it to go on', (row) => row.done > stopped.done);
      const paused = await client.operations.pause(id, { by: 'bob' });
      await sleep(1500);
      expect(paused).toMatchObject({ operation: { done: (await get()).done } });
      await client.operations.resume(id, { by: 'bob' });
      const last = await until('nearly all', (row) => row.done > total * 0.9);
      if (last.state === 'running') await client.operations.abort(id, { by: 'bob', reason: 'enough' });
    } finally {
      working = false;
      await worker;
      for (const scheduler of schedulers) await scheduler.stop();
    }
    expect(schedulers.flatMap(({ ends }) => ends).filter((end) => end === 'SIGKILL').length).toBeGreaterThanOrEqual(3);

    const ended = await get();
    expect(ended).toMatchObject({ refused: 0, failed: 0 });
    // Each task that is done once, the others not at all.
    const acts = await rows<{ task_id: string; retries: number; audited: number; state: string }>(
      `SELECT i.task_id, i.state, (
           SELECT count(*)::integer FROM tasker.tasker_task_transitions x
           WHERE x.task_id = i.task_id AND x.metadata ->> 'operation' = $1) AS retries, (
           SELECT count(*)::integer FROM tasker.tasker_audit a
           WHERE a.subject = 'task' AND a.subject_id = i.task_id::text AND a.details ->> 'operation' = $1) AS audited
         FROM tasker.tasker_operation_items i
         WHERE i.operation_id = $1::bigint ORDER BY i.task_id`,
      id,
    );
    expect(acts.map(({ task_id: taskId }) => taskId)).toEqual(chosen);
    expect(acts.filter(({ state }) => state === 'done')).toHaveLength(ended.done);
    expect(
      acts.filter(({ state, retries, audited }) => (state === 'done' ? 1 : 0) !== retries || retries !== audited),
    ).toEqual([]);
    const untouched = await rows<{ transitions: number }>(
      `SELECT count(*)::integer AS transitions FROM tasker.tasker_task_transitions x
       WHERE x.task_id = ANY ($1::bigint[]) AND x.cause = 'operator_retry'`,
      [...others, ...later],
    );
    expect(untouched).toEqual([{ transitions: 0 }]);
    const steered = (await client.audit({ on: { kind: 'operation', id } })).map(({ act, by }) => `${act} by ${by}`);
    expect(steered.toReversed().slice(0, 5)).toEqual([
      'operation.start by ada',
      'operation.stop by scheduler',
      'operation.resume by bob',
      'operation.pause by bob',
      'operation.resume by bob',
    ]);
    // Over any ten seconds; whoever was killed made the others no faster.
    const [fastest] = await rows<{ items: number }>(
      `SELECT max(n)::integer AS items FROM (
         SELECT count(*) OVER (ORDER BY i.acted_at RANGE BETWEEN CURRENT ROW AND '10 s' FOLLOWING) AS n
         FROM tasker.tasker_operation_items i WHERE i.operation_id = $1::bigint AND i.acted_at IS NOT NULL) w`,
      id,
    );
    // Two seconds are made up for.
    expect(fastest?.items).toBeLessThanOrEqual(PACE * 12 + 25);
    const [pace] = await rows<{ per_second: number }>(
      `SELECT (count(*) / extract(epoch FROM max(acted_at) - min(acted_at)))::float8 AS per_second
       FROM (SELECT i.acted_at FROM tasker.tasker_operation_items i
         WHERE i.operation_id = $1::bigint AND i.acted_at IS NOT NULL ORDER BY i.task_id OFFSET $2::integer LIMIT $3::integer) x`,
      id,
      canary + 50,
      Math.floor(total * 0.25),
    );
    console.log(
      `operations: ${total} tasks, pace ${pace?.per_second.toFixed(1)} of ${PACE} a second, done ${ended.done}`,
    );
    // A few tasks may all be those that are made up for after a death.
    if (long) expect(Math.abs((pace?.per_second as number) - PACE)).toBeLessThan(PACE * 0.1);
    expect(await examine(engine.db)).toEqual([]);
  },
  TIMEOUT_MS,
);
