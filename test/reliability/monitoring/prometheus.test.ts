import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { ALERTS } from '../../../scripts/support/monitoring/alerts.ts';
import { dashboardExpressions } from '../../monitoring/dashboard-expressions.ts';
import { ruleGroups } from '../../../scripts/support/monitoring/rule-file.ts';
import { RECORDING_RULES } from '../../../scripts/support/monitoring/rules.ts';
import { createClient } from '../../../src/client/client.ts';
import type { WorkflowDefinition } from '../../../src/workflow/definition.ts';
import { whyMissing } from '../../support/debian-tool.ts';
import { type TestProcess, useProcesses } from '../../support/processes.ts';
import { useTestDatabase } from '../../support/test-database.ts';
import { waitFor } from '../../support/wait-for.ts';
import { type PrometheusServer, startPrometheus } from './prometheus-server.ts';
import * as workflows from './workflows.ts';

const missing = whyMissing('prometheus', 'prometheus');
const test = await useTestDatabase();
const processes = useProcesses();
const client = createClient({ url: test.url, poolSize: 4 });
afterAll(() => client.close());
let prometheus: PrometheusServer | undefined;
afterAll(() => prometheus?.stop());

const env = {
  DATABASE_URL: test.url,
  TASKER_METRICS_PORT: '0',
  TASKER_STATS_INTERVAL_MS: '500',
  TASKER_ABORT_GRACE_MS: '100',
  TASKER_SILENT_SECONDS: '1',
  TASKER_SLOTS: '10',
  TASKER_API_PORT: '0',
  // Each of a few requests at once is refused.
  TASKER_API_REQUESTS_PER_SECOND: '1',
};

async function start(role: 'scheduler' | 'worker' | 'api'): Promise<{ process: TestProcess; address: string }> {
  const args = role === 'worker' ? ['worker', '--workflows', 'test/reliability/monitoring/workflows.ts'] : [role];
  const started = processes.start('src/cli/main.ts', { args, env });
  const [, address = ''] = await started.waitForLine(new RegExp(`"url":"http://([^"]+)".*${role} started`), {
    timeoutMs: 30_000,
  });
  return { process: started, address };
}

/** What a fleet that runs for a minute has no data for: what retention removes is counted first, and that takes longer. */
const LATER = /tasker_(retention_removed_tasks_total|archive_objects)/;

/** Asks, and reads events for two seconds at a time, until Prometheus has scraped responses, refusals, events and ended streams. */
function askApi(base: string): () => void {
  const stop = new AbortController();
  const timer = setInterval(() => {
    for (const path of ['tasks', 'queues', 'workers', 'tasks?limit=1'])
      void fetch(`${base}/v1/${path}`)
        .then((response) => response.arrayBuffer())
        .catch(() => undefined);
  }, 500);
  void readEvents(base, stop.signal);
  return () => {
    clearInterval(timer);
    stop.abort();
  };
}

async function readEvents(base: string, stop: AbortSignal): Promise<void> {
  while (!stop.aborted) {
    // Most requests are refused, this one too, and then it is sent again soon.
    await fetch(`${base}/v1/events?topics=overview`, { signal: AbortSignal.any([stop, AbortSignal.timeout(2000)]) })
      .then((response) => response.text())
      .catch(() => undefined);
    await sleep(100, undefined, { signal: stop }).catch(() => undefined);
  }
}

let number = 0;
async function submit(workflow: WorkflowDefinition, count: number): Promise<void> {
  const requests = Array.from({ length: count }, () => ({ input: { number: (number += 1) } }));
  for await (const submitted of client.submitMany(workflow, requests)) void submitted;
}

/** The process (host:pid) that runs a step of this name. */
async function runnerOf(step: string): Promise<string | undefined> {
  const [row] = await test.query<{ name: string }>(
    `SELECT w.name FROM tasker.tasker_workflow_steps s
     JOIN tasker.tasker_named_steps n USING (named_step_id)
     JOIN tasker.tasker_workers w ON w.worker_id = s.claimed_by
     WHERE n.name = $1 AND s.in_process`,
    [step],
  );
  return row?.name;
}

describe.skipIf(missing !== undefined)(
  `a fleet under Prometheus${missing === undefined ? '' : ` (${missing})`}`,
  () => {
    it('has data for every expression of rules and dashboard, and raises the right alert for each process that is killed', async () => {
      const scheduler = await start('scheduler');
      const workers = await Promise.all([start('worker'), start('worker')]);
      const api = await start('api');
      const [, apiUrl = ''] = /"api_url":"(http:[^"]+)"/.exec(api.process.lines.join('\n')) ?? [];
      const stopAsking = askApi(apiUrl);
      afterAll(stopAsking);
      const server = await startPrometheus({
        targets: [scheduler.address, api.address, ...workers.map(({ address }) => address)],
        rules: ruleGroups({ shorten: '1s' }),
      });
      prometheus = server;
      const fires = (alert: string): Promise<unknown> =>
        waitFor(async () => (await server.firing()).includes(alert), {
          timeoutMs: 60_000,
          intervalMs: 250,
          what: `${alert} to fire`,
        });
      const expectSilent = async (...alerts: string[]): Promise<void> => {
        const firing = await server.firing();
        expect(firing.filter((alert) => alerts.includes(alert))).toEqual([]);
      };

      // A healthy fleet at work.
      await submit(workflows.fine, 20);
      await submit(workflows.long, 1);
      const runner = await waitFor(() => runnerOf('runs'), { timeoutMs: 30_000, what: 'the long step to run' });
      // Before its first scrape of the scheduler Prometheus rightly misses it.
      const mortal = new Set([
        'TaskerStepsRecovered',
        'TaskerSchedulerSilent',
        'TaskerQueueWithoutWorkers',
        'TaskerStepsKillWorkers',
      ]);
      await waitFor(
        async () =>
          (await server.query('tasker_recovered_steps_total')).length > 0 &&
          !(await server.firing()).some((alert) => mortal.has(alert)),
        { timeoutMs: 30_000, what: 'a scrape of the scheduler, and silence' },
      );

      // A worker is killed while it runs a step.
      const victim = workers.find(({ process }) => runner.endsWith(`:${process.pid}`));
      const survivor = workers.find((worker) => worker !== victim);
      await victim?.process.kill('SIGKILL');
      await fires('TaskerStepsRecovered');
      await expectSilent('TaskerSchedulerSilent', 'TaskerQueueWithoutWorkers', 'TaskerStepsKillWorkers');

      // Failures of steps and statements, a held snapshot, and an index that is large enough for the bloat check.
      const session = await test.pool.connect();
      try {
        await session.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
        await session.query('SELECT count(*) FROM tasker.tasker_tasks');
        for (const workflow of [workflows.flaky, workflows.broken, workflows.deaf, workflows.parked]) {
          await submit(workflow, 2);
        }
        await test.query(
          `INSERT INTO tasker.tasker_workers (role, name, version, lease_seconds, lease_expires_at, stopped_at, stop_reason)
         SELECT 'worker', 'long gone', '0', 1, now(), now(), 'drained' FROM generate_series(1, 60000)`,
        );
        await test.query('ANALYZE tasker.tasker_workers');
        await fires('TaskerQueueWithoutWorkers');
        await test.query('ALTER TABLE tasker.tasker_queue_scaling_signals RENAME TO hidden');
        await waitFor(async () => (await server.query('tasker_statement_errors_total')).length > 0, {
          timeoutMs: 30_000,
          what: 'a statement to fail',
        });
        await test.query('ALTER TABLE tasker.hidden RENAME TO tasker_queue_scaling_signals');

        // Pauses of what nothing waits for.
        const paused = [{ queue: 'default' }, { workflow: 'monitoring/fine' }] as const;
        for (const what of paused) await client.pause(what);

        // At the end all of them must return data at the same time.
        const expressions = [
          ...RECORDING_RULES.map(({ record }) => record),
          ...ALERTS.flatMap(({ data }) => data),
          ...dashboardExpressions().map(({ expr }) => expr.replaceAll('$__rate_interval', '1m')),
          'sum(max by (queue) (tasker_desired_replicas{queue=~"default"}))',
        ].filter((expression) => !LATER.test(expression));
        let withoutData: string[] = [];
        await waitFor(
          async () => {
            const samples = await Promise.all(expressions.map((expr) => server.query(expr)));
            withoutData = expressions.filter((_, index) => samples[index]?.length === 0);
            return withoutData.length === 0;
          },
          { timeoutMs: 60_000, intervalMs: 500, what: 'every expression to return data' },
        ).catch((error: Error) => {
          throw new Error(`${error.message}\nno data for:\n${withoutData.join('\n')}`);
        });
        for (const what of paused) await client.resume(what);
      } finally {
        // The server may have ended the session meanwhile: an earlier error is more informative than that.
        const broken = await session.query('ROLLBACK').then(
          () => false,
          () => true,
        );
        session.release(broken);
      }
      const rules = await server.rules();
      expect(rules).toHaveLength(ALERTS.length + RECORDING_RULES.length);
      expect(rules.filter(({ health }) => health !== 'ok')).toEqual([]);

      // The last scheduler is killed: no scheduler is left to report, and the alert reports this.
      await expectSilent('TaskerSchedulerSilent');
      await scheduler.process.kill('SIGKILL');
      await fires('TaskerSchedulerSilent');
      await survivor?.process.kill('SIGKILL');
    }, 240_000);
  },
);
