import { expect, it } from 'vitest';
import { z } from 'zod';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { noEvents, useWorkers } from './worker-fixture.ts';
import { waitFor } from '../support/wait-for.ts';

const fleet = await useWorkers();

it('a worker keeps the outcomes that a schema in the middle of a migration cannot take, and writes them afterwards', async () => {
  let end: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => (end = resolve));
  const workflow = defineWorkflow({ name: 'patient', input: z.unknown() }).step('a', async () => {
    await ended;
    return 'kept';
  });
  const failures: string[] = [];
  await fleet.start([workflow], {
    events: {
      ...noEvents,
      failed: (what) => failures.push(what),
    },
  });
  const taskId = await fleet.submit(workflow);
  await fleet.taskIn(taskId, ['in_progress']);
  await fleet.test.query('ALTER TABLE tasker.tasker_workflow_steps RENAME COLUMN unmet_parents TO renamed');
  end();
  await waitFor(() => failures.includes('complete'), { what: 'the completion to be refused' });
  await fleet.test.query('ALTER TABLE tasker.tasker_workflow_steps RENAME COLUMN renamed TO unmet_parents');
  expect(await fleet.taskIn(taskId, ['complete', 'error'])).toBe('complete');
  expect(await fleet.results(taskId)).toEqual({ a: 'kept' });
});
