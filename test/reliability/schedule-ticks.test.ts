import { expect, it } from 'vitest';
import { z } from 'zod';
import { Cron } from '../../src/schedules/cron.ts';
import { WORKFLOW_SCHEDULES } from '../../src/schedules/scheduled-submit.ts';
import { Scheduler } from '../../src/scheduler/scheduler.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { useEngine } from '../engine/engine-fixture.ts';
import { noSchedulerEvents, schedulerSettings } from '../scheduler/scheduler-fixture.ts';
import { waitFor } from '../support/wait-for.ts';

const engine = await useEngine();
await engine.workflow(defineWorkflow({ name: 'nightly', input: z.unknown() }).step('a', () => 1));

it('a schedule that is made while three schedulers live fires once for each minute', async () => {
  const schedulers = ['a', 'b', 'c'].map(
    (name) =>
      new Scheduler({
        db: engine.db,
        settings: schedulerSettings(engine.test.url),
        name,
        version: '0',
        events: noSchedulerEvents,
      }),
  );
  await Promise.all(schedulers.map((each) => each.start()));
  const cron = new Cron({
    url: engine.test.url,
    schema: 'tasker_cron',
    applicationName: 'test cron',
    fires: false,
    onError: () => undefined,
  });
  await cron.start();
  const made = Math.floor(Date.now() / 60_000);
  await cron.schedule(WORKFLOW_SCHEDULES, {
    key: 'every-minute',
    cron: '* * * * *',
    timezone: 'UTC',
    data: {
      key: 'every-minute',
      namespace: 'default',
      workflow: 'nightly',
      version: '0.1.0',
      input: { from: 'cron' },
    },
  });
  const fired = () => engine.test.query(`SELECT 1 FROM tasker.tasker_tasks WHERE initiator = 'schedule:every-minute'`);
  await waitFor(async () => (await fired()).length >= 2, { timeoutMs: 140_000, what: 'two ticks of the schedule' });
  await Promise.all(schedulers.map((each) => each.stop()));
  // A tick may come in the minute after its own, so what counts is how many minutes there were.
  const minutes = Math.floor(Date.now() / 60_000) - made + 1;
  expect((await fired()).length).toBeLessThanOrEqual(minutes);
  await cron.stop();
}, 160_000);
