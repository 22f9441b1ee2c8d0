import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { createClient } from '../../../src/client/client.ts';
import { examine } from '../../../src/db/doctor/examine.ts';
import type { AutoscalerSettings } from '../../../src/scaling/simulation/autoscaler.ts';
import { useProcesses } from '../../support/processes.ts';
import { useTestDatabase } from '../../support/test-database.ts';
import { waitFor } from '../../support/wait-for.ts';
import { Controller } from './controller.ts';
import { work } from './workflows.ts';

const test = await useTestDatabase();
const processes = useProcesses();
const client = createClient({ url: test.url, poolSize: 4 });
afterAll(() => client.close());

const TARGET_SECONDS = 5;
const MAX_WORKERS = 4;
const SLOTS = 5;

/** The rules of the manifests with shorter times, because theirs would take minutes. */
const FAST: AutoscalerSettings = {
  minReplicas: 0,
  maxReplicas: MAX_WORKERS,
  pollingSeconds: 0.5,
  cooldownSeconds: 2,
  syncSeconds: 0.5,
  tolerance: 0.1,
  up: { stabilizationSeconds: 0, share: 1, pods: 4, periodSeconds: 1 },
  down: { stabilizationSeconds: 2, share: 0.5, pods: 1, periodSeconds: 1 },
};

const env = {
  DATABASE_URL: test.url,
  TASKER_METRICS_PORT: '0',
  TASKER_SLOTS: String(SLOTS),
  TASKER_POOL_SIZE: '4',
  TASKER_DRAIN_GRACE_SECONDS: '1',
  TASKER_STATS_INTERVAL_MS: '500',
  TASKER_SCALE_START_LATENCY_MS: String(TARGET_SECONDS * 1000),
  TASKER_SCALE_STEP_MS: '400',
  TASKER_SCALE_QUIET_SECONDS: '3',
  TASKER_SCALE_MAX_WORKERS: String(MAX_WORKERS),
};

const manifest = new URL('../../../deploy/k8s/components/keda-postgresql/scaled-object.yaml', import.meta.url);
const scaledObject = parseAllDocuments(readFileSync(manifest, 'utf8'))
  .map((document) => document.toJS() as { kind: string; spec: { triggers: { metadata: { query: string } }[] } })
  .find(({ kind }) => kind === 'ScaledObject');
const query = scaledObject?.spec.triggers[0]?.metadata.query as string;

const startWorker = () =>
  processes.start('src/cli/main.ts', {
    args: ['worker', '--workflows', 'test/reliability/autoscaling/workflows.ts'],
    env,
  });

let submitted = 0;
async function submit(count: number, ms: number, phase: string): Promise<void> {
  const requests = Array.from({ length: count }, () => ({ input: { ms, phase, number: (submitted += 1) } }));
  for await (const batch of client.submitMany(work, requests)) void batch;
}

const open = async (): Promise<number> =>
  Number((await test.query(`SELECT count(*) FROM tasker.tasker_tasks WHERE NOT complete`))[0]?.['count']);

const running = async (): Promise<number> =>
  Number((await test.query(`SELECT count(*) FROM tasker.tasker_workflow_steps WHERE in_process`))[0]?.['count']);
const released = async (): Promise<number> =>
  Number(
    (await test.query(`SELECT count(*) FROM tasker.tasker_workflow_step_transitions WHERE cause = 'released'`))[0]?.[
      'count'
    ],
  );

describe('a fleet that is scaled by its own signal', () => {
  it('starts work in time from zero workers, follows the load, stays below its limit, and spends no attempt when it scales down', async () => {
    await client.register(work);
    const scheduler = processes.start('src/cli/main.ts', { args: ['scheduler'], env });
    const [, url = ''] = await scheduler.waitForLine(/"url":"([^"]+)".*scheduler started/);
    // The query that KEDA runs.
    const bySql = async (): Promise<number> => Number(Object.values((await test.query(query))[0] ?? {})[0]);
    const byMetric = async (): Promise<number> => {
      const text = await (await fetch(`${url}/metrics`)).text();
      const line = text.split('\n').find((found) => found.startsWith('tasker_desired_replicas{queue="default"'));
      if (line === undefined) throw new Error('the gauge is missing');
      return Number(line.split(' ').at(-1));
    };

    let signal = bySql;
    const controller = new Controller({ settings: FAST, intervalMs: 250, signal: () => signal(), start: startWorker });
    try {
      // A burst from zero workers: too much for one worker within the target.
      await submit(120, 400, 'burst');
      await waitFor(async () => (await open()) === 0, { timeoutMs: 60_000, what: 'the burst to be done' });
      expect(Math.max(...controller.history)).toBeGreaterThanOrEqual(2);

      // A steady load for one or two workers, this time by the metric that Prometheus would scrape.
      signal = byMetric;
      for (let second = 0; second < 4; second += 1) {
        await submit(8, 400, 'steady');
        await new Promise((resolve) => setTimeout(resolve, 1000));
      }

      // Long steps fill two workers; then the number of workers drops while they run, with a grace that is too short for them.
      await submit(SLOTS * 2, 5000, 'long');
      await waitFor(async () => (await running()) > SLOTS, {
        timeoutMs: 30_000,
        what: 'more long steps than one worker has slots',
      });
      signal = async () => 1;
      await waitFor(async () => (await released()) > 0, { timeoutMs: 30_000, what: 'a drain that releases steps' });
      signal = byMetric;
      await waitFor(async () => (await open()) === 0, { timeoutMs: 60_000, what: 'every task to be done' });
      await waitFor(() => controller.replicas === 0, { timeoutMs: 60_000, what: 'the fleet to be at zero again' });
      await waitFor(async () => (await bySql()) === 0 && (await byMetric()) === 0, {
        what: 'both signals to be zero',
      });
    } finally {
      await controller.stop();
    }

    expect(Math.max(...controller.history)).toBeLessThanOrEqual(MAX_WORKERS);
    const turns = controller.history
      .slice(1)
      .map((replicas, index) => Math.sign(replicas - (controller.history[index] as number)))
      .filter((direction, index, all) => index > 0 && direction !== all[index - 1]).length;
    // Up, down and up again between the phases, and down at the end: no other changes of direction.
    expect(turns).toBeLessThanOrEqual(6);

    // Nothing failed, so the released steps spent no attempt.
    const steps = await test.query(
      `SELECT s.state, s.attempts, count(*) FROM tasker.tasker_workflow_steps s GROUP BY 1, 2`,
    );
    expect(steps).toEqual([{ state: 'complete', attempts: 1, count: String(120 + 32 + SLOTS * 2) }]);
    const [steady] = await test.query<{ within: number }>(
      `SELECT avg((h.created_at - t.requested_at <= make_interval(secs => $1))::integer)::float8 AS within
       FROM tasker.tasker_tasks t
       JOIN tasker.tasker_workflow_step_transitions h ON h.task_id = t.task_id AND h.sort_key = 1
       WHERE t.context ->> 'phase' = 'steady'`,
      [TARGET_SECONDS],
    );
    expect(steady?.within).toBeGreaterThan(0.95);
    expect(await scheduler.kill('SIGTERM')).toMatchObject({ code: 0 });
    expect(await examine(client.db)).toEqual([]);
  }, 180_000);
});
