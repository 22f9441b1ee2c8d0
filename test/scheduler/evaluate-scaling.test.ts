import fc from '../support/fast-check.ts';
import { beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Database } from '../../src/db/connections/database.ts';
import { writeQueueSamples } from '../../src/db/statements/scaling/queue-samples.ts';
import { reportActivity } from '../../src/db/statements/workers/worker-activity.ts';
import { prune } from '../../src/engine/workers.ts';
import { Metrics } from '../../src/metrics/registry.ts';
import { evaluateScaling, type EvaluateScalingOptions } from '../../src/scheduler/chores/evaluate-scaling.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { DEFAULT_SCALING } from '../scaling/default-scaling.ts';
import { useEngine } from '../engine/engine-fixture.ts';

const engine = await useEngine();
const { query } = engine.test;
const id = await engine.workflow(defineWorkflow({ name: 'scaled', input: z.unknown() }).step('a', () => 1));

interface Row {
  queue: string;
  desired_replicas: number;
  wanted_replicas: number;
  reason: string;
  workers: number;
  ready_steps: number;
  step_seconds: number;
  overdue: boolean;
}

const view = (queue = 'default'): Promise<Row[]> =>
  query<Row>('SELECT * FROM tasker.tasker_queue_scaling WHERE queue = $1', [queue]);

function chore(change: Partial<EvaluateScalingOptions> = {}) {
  const metrics = new Metrics('scheduler');
  const { run } = evaluateScaling({
    db: engine.db,
    metrics,
    // An evaluation counts for this long; here each call is to count.
    intervalMs: 1,
    settings: { ...DEFAULT_SCALING, assumedSlots: 10 },
    maxWorkers: 1000,
    connections: { poolSize: 6, pooled: true, direct: false, poolerConnections: 10, reservedForOthers: 0 },
    ...change,
  });
  const gauge = async (name: string, queue = 'default'): Promise<number | undefined> => {
    const text = await metrics.registry.metrics();
    const line = text
      .split('\n')
      .find((candidate) => candidate.startsWith(`${name}{`) && candidate.includes(`queue="${queue}"`));
    return line === undefined ? undefined : Number(line.split(' ').at(-1));
  };
  return { run, metrics, gauge };
}

async function backlog(steps: number): Promise<void> {
  for (let index = 0; index < steps; index += 1) await engine.submitOne(id);
}

const report = (
  worker: string,
  activity: Omit<Parameters<typeof reportActivity.values>[0]['queues'][number], 'queue'>,
) => engine.db.run(reportActivity, { worker_id: worker, queues: [{ queue: 'default', ...activity }] });

beforeEach(async () => {
  await query('DELETE FROM tasker.tasker_queue_scaling_signals');
  await query('DELETE FROM tasker.tasker_queue_samples');
  await query('DELETE FROM tasker.tasker_worker_activity');
  await query(`UPDATE tasker.tasker_workers SET stopped_at = now(), stop_reason = 'drained' WHERE stopped_at IS NULL`);
  await query('UPDATE tasker.tasker_workflow_steps SET ready_at = NULL');
});

describe('the evaluation of the scaling signal', () => {
  it('is the same in the view and in the gauge: one instead of none for the first step', async () => {
    const scheduler = chore();
    await scheduler.run();
    expect(await view()).toEqual([]);
    await backlog(1);
    await scheduler.run();
    expect(await view()).toMatchObject([
      { desired_replicas: 1, reason: 'load', ready_steps: 1, workers: 0, overdue: false },
    ]);
    expect(await scheduler.gauge('tasker_desired_replicas')).toBe(1);
    expect(await scheduler.gauge('tasker_queue_workers')).toBe(0);
  });

  it('takes mean step time and slots from the reports of workers', async () => {
    await backlog(20);
    const worker = await engine.worker();
    await report(worker.id, {
      started: 40,
      completed: 30,
      failed: 2,
      completed_seconds: 300,
      running: 8,
      running_seconds: 40,
    });
    await report(worker.id, {
      started: 10,
      completed: 10,
      failed: 0,
      completed_seconds: 100,
      running: 9,
      running_seconds: 50,
    });
    const scheduler = chore();
    await scheduler.run();
    // 10 s a step: 20 slots for the backlog within 10 s.
    expect(await view()).toMatchObject([{ step_seconds: 10, workers: 1, desired_replicas: 2 }]);
    expect(await query('SELECT completed_attempts, running_steps FROM tasker.tasker_worker_activity')).toEqual([
      { completed_attempts: '40', running_steps: 9 },
    ]);
  });

  it('is computed once an interval, however many schedulers live, and all of them show it', async () => {
    await backlog(1);
    const [one, other] = [chore({ intervalMs: 60_000 }), chore({ intervalMs: 60_000 })];
    await one.run();
    const [before] = await query('SELECT measured_at FROM tasker.tasker_queue_scaling_signals');
    await backlog(500);
    await Promise.all([one.run(), other.run()]);
    expect(await query('SELECT measured_at FROM tasker.tasker_queue_scaling_signals')).toEqual([before]);
    expect(await other.gauge('tasker_desired_replicas')).toBe(1);
  });

  it.each([
    ['for the first time', 0],
    ['again', 1],
  ])('is that of the first, where two schedulers evaluate %s at once', async (_, evaluations) => {
    await backlog(1);
    const first = chore();
    for (let number = 0; number < evaluations; number += 1) await first.run();
    let written: object[] = [];
    const db: Database = {
      ...engine.db,
      // Between what the second has read and what it writes.
      run: async (statement, ...values) => {
        if (statement.name === 'write_scaling_signals') {
          await backlog(1);
          await first.run();
          written = await query('SELECT * FROM tasker.tasker_queue_scaling_signals');
        }
        return engine.db.run(statement, ...values);
      },
    };
    await chore({ db }).run();
    expect(written).toMatchObject([{ queue: 'default', ready_steps: 2 }]);
    expect(await query('SELECT * FROM tasker.tasker_queue_scaling_signals')).toEqual(written);
  });

  it('stays within the connection budget and the configured limit, and shows what it wanted beyond them', async () => {
    await backlog(400);
    const scheduler = chore({ maxWorkers: 2 });
    await scheduler.run();
    expect(await view()).toMatchObject([{ desired_replicas: 2, wanted_replicas: 4 }]);
    const [{ limit }] = (await query(
      `SELECT current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer
         - coalesce(current_setting('reserved_connections', true), '0')::integer AS limit`,
    )) as [{ limit: number }];
    // Room for the one scheduler (6 + 5) and three workers (6 + 2).
    const direct = {
      poolSize: 6,
      pooled: false,
      direct: true,
      poolerConnections: 40,
      reservedForOthers: limit - 11 - 24,
    };
    await query('DELETE FROM tasker.tasker_queue_scaling_signals');
    await chore({ maxWorkers: 0, connections: direct }).run();
    expect(await view()).toMatchObject([{ desired_replicas: 3, wanted_replicas: 4, max_replicas: 3 }]);
  });

  it('keeps or raises the last signal, and never lowers it, once it is overdue because the fleet has no scheduler', async () => {
    const worker = await engine.worker();
    await backlog(1);
    await chore().run();
    await engine.worker();
    await query(
      `UPDATE tasker.tasker_queue_scaling_signals SET valid_until = now() - interval '1 s', desired_replicas = 0`,
    );
    expect(await view()).toMatchObject([{ desired_replicas: 2, reason: 'overdue', overdue: true }]);
    await query(`UPDATE tasker.tasker_workers SET stopped_at = now() WHERE role = 'worker'`);
    expect(await view()).toMatchObject([{ desired_replicas: 1 }]);
    await query('UPDATE tasker.tasker_workflow_steps SET ready_at = NULL');
    expect(await view()).toMatchObject([{ desired_replicas: 0 }]);
    expect(worker.id).not.toBe('');
  });

  it('is in the view whatever was evaluated, while that is valid, and never less afterwards', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(500), fc.nat(500), fc.nat(3), fc.boolean(), async (wanted, cut, workers, fresh) => {
        const desired = Math.max(0, wanted - cut);
        await query('DELETE FROM tasker.tasker_queue_scaling_signals');
        await query(
          `DELETE FROM tasker.tasker_workers WHERE worker_id NOT IN (SELECT worker_id FROM tasker.tasker_claims)`,
        );
        for (let index = 0; index < workers; index += 1) await engine.worker();
        await chore().run();
        await query(
          `INSERT INTO tasker.tasker_queue_scaling_signals AS g
           SELECT (jsonb_populate_record(g, $1::jsonb)).* FROM
             (SELECT 1) one LEFT JOIN tasker.tasker_queue_scaling_signals g ON false
           ON CONFLICT (queue) DO UPDATE SET desired_replicas = excluded.desired_replicas,
             wanted_replicas = excluded.wanted_replicas, valid_until = excluded.valid_until`,
          [
            JSON.stringify({
              queue: 'default',
              desired_replicas: desired,
              wanted_replicas: wanted,
              desired_slots: 0,
              reason: 'load',
              ready_steps: 0,
              oldest_ready_seconds: 0,
              running_steps: 0,
              running_seconds: 0,
              workers,
              slots_per_worker: 1,
              arrival_rate: 0,
              start_rate: 0,
              completion_rate: 0,
              quiet_seconds: 0,
              step_seconds: 1,
              step_weight: 0,
              started_total: 0,
              completed_total: 0,
              completed_seconds_total: 0,
              measured_at: '2026-01-01T00:00:00Z',
              valid_until: fresh ? 'infinity' : '-infinity',
            }),
          ],
        );
        const [row] = await view();
        expect(row?.desired_replicas).toBe(fresh ? desired : Math.max(desired, workers));
      }),
      { numRuns: 25 },
    );
  });

  it('drops the reports of processes that are no longer listed, and does not take the lower totals for a change', async () => {
    const worker = await engine.worker();
    await report(worker.id, {
      started: 1000,
      completed: 1000,
      failed: 0,
      completed_seconds: 500,
      running: 0,
      running_seconds: 0,
    });
    const scheduler = chore();
    await scheduler.run();
    await query(`UPDATE tasker.tasker_workers SET stopped_at = now() - interval '2 d' WHERE worker_id = $1`, [
      worker.id,
    ]);
    await prune(engine.db, 24);
    expect(await query('SELECT FROM tasker.tasker_worker_activity')).toEqual([]);
    await new Promise((resolve) => setTimeout(resolve, 60));
    await scheduler.run();
    expect(await view()).toMatchObject([{ step_seconds: 0.5, desired_replicas: 0, arrival_rate: 0 }]);
  });
});

describe('the minutes of a queue', () => {
  it('have the averages of what arrived and completed, and not what an average that fades has at their end', async () => {
    const minute = Date.UTC(2026, 0, 1, 12, 0) / 1000;
    const sample = { queue: 'burst', oldest_ready_seconds: 0, running_steps: 0, workers: 2, desired_replicas: 1 };
    // 600 steps arrive and complete in the first five seconds; then nothing.
    for (let second = 5; second <= 60; second += 5) {
      const perSecond = second === 5 ? 120 : 0;
      const signals = [
        {
          ...sample,
          at: minute + Math.min(59.9, second),
          ready_steps: second === 5 ? 40 : 0,
          arrived_per_second: perSecond,
          completed_per_second: perSecond,
          share: Math.min(1, 5 / second),
        },
        // Nothing happens in this one.
        {
          ...sample,
          queue: 'idle',
          at: minute + second,
          ready_steps: 0,
          arrived_per_second: 0,
          completed_per_second: 0,
          share: 1,
        },
      ];
      await engine.db.run(writeQueueSamples, { signals: JSON.stringify(signals) });
    }
    const rows = await query<{
      queue: string;
      ready: number;
      arrivals_per_second: number;
      completions_per_second: number;
    }>(
      `SELECT queue, ready, arrivals_per_second, completions_per_second FROM tasker.tasker_queue_samples WHERE minute = to_timestamp($1)`,
      [minute],
    );
    expect(rows.map(({ queue, ready }) => [queue, ready])).toEqual([['burst', 40]]);
    expect(rows[0]?.arrivals_per_second).toBeCloseTo(600 / 60);
    expect(rows[0]?.completions_per_second).toBeCloseTo(600 / 60);
  });

  it('have what was measured since the evaluation before', async () => {
    const { run } = chore();
    const measuredAt = async (): Promise<number> =>
      (
        await query<{ at: number }>(
          'SELECT extract(epoch FROM max(measured_at))::float8 AS at FROM tasker.tasker_queue_scaling_signals',
        )
      )[0]?.at ?? 0;
    const worker = await engine.worker();
    const activity = { started: 0, completed: 0, failed: 0, completed_seconds: 0, running: 0, running_seconds: 0 };
    await report(worker.id, activity);
    await run();
    await query(`UPDATE tasker.tasker_queue_scaling_signals SET measured_at = measured_at - interval '5 s'`);
    const from = await measuredAt();
    await report(worker.id, { ...activity, started: 50, completed: 50, completed_seconds: 1 });
    await query('DELETE FROM tasker.tasker_queue_samples');
    await run();
    const to = await measuredAt();
    const [row] = await query<{ completions_per_second: number }>(
      'SELECT completions_per_second FROM tasker.tasker_queue_samples',
    );
    expect((row?.completions_per_second ?? 0) * Math.max(to % 60, to - from)).toBeCloseTo(50, 1);
  });
});
