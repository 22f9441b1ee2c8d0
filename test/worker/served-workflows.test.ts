import { expect, it } from 'vitest';
import { z } from 'zod';
import { examine } from '../../src/db/doctor/examine.ts';
import { listWorkflows } from '../../src/db/reads/workflows.ts';
import { registerWorkflow } from '../../src/engine/register-workflow.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { drawWorkflows } from '../../src/cli/commands/workflows.ts';
import { waitFor } from '../support/wait-for.ts';
import { noEvents, useWorkers } from './worker-fixture.ts';

const fleet = await useWorkers();

const workflow = (name: string, ...steps: string[]) =>
  steps.slice(1).reduce(
    (built, step) => built.step(step, () => step),
    defineWorkflow({ name, input: z.unknown() }).step(steps[0] as string, () => 'done'),
  );

const stored = workflow('changed', 'a');
const changed = workflow('changed', 'a', 'b');
const sound = workflow('sound', 'a');

it('a workflow that is refused keeps no other from running, is shown, and is served once the conflict is resolved', async () => {
  await registerWorkflow(fleet.db, stored);
  const refused: string[] = [];
  const served: string[] = [];
  await fleet.start([changed, sound], {
    registrationRetryMs: 20,
    events: {
      ...noEvents,
      workflowRefused: (key, problem) => refused.push(`${key.name}: ${problem}`),
      workflowServed: (key, wasRefused) => served.push(`${key.name} ${String(wasRefused)}`),
    },
  });
  expect(refused).toEqual([
    expect.stringContaining('changed: workflow default/changed 0.1.0 is registered with other steps or edges'),
  ]);
  expect(await fleet.taskIn(await fleet.submit(sound), ['complete'])).toBe('complete');
  const waiting = await fleet.submit(stored);

  let finding: unknown;
  await waitFor(
    async () => {
      finding = (await examine(fleet.db)).find(({ id }) => id === 'workflow_served_by_its_workers');
      return finding !== undefined;
    },
    { what: 'the doctor to show it' },
  );
  expect(finding).toMatchObject({ examples: [{ workflow: 'changed', version: '0.1.0' }] });
  const rows = await fleet.db.run(listWorkflows);
  expect(rows).toMatchObject([
    { workflow: 'changed', pending_tasks: 1, workers: [], problems: [expect.stringContaining('other steps or edges')] },
    { workflow: 'sound', pending_tasks: 0, workers: [expect.any(String)], problems: [] },
  ]);
  expect(drawWorkflows(rows)).toContain(
    'default/changed 0.1.0: workflow default/changed 0.1.0 is registered with other',
  );

  // The task with the old graph goes on as another version; the definition is free.
  await fleet.test.query(`UPDATE tasker.tasker_named_tasks SET version = '0.0.9' WHERE name = 'changed'`);
  await waitFor(() => served.includes('changed true'), { what: 'the workflow to be served' });
  expect(await fleet.taskIn(await fleet.submit(changed), ['complete'])).toBe('complete');
  await waitFor(async () => (await examine(fleet.db)).length === 0, { what: 'the doctor to find nothing' });
  expect(await fleet.taskIn(waiting, ['pending'])).toBe('pending');
  // However many tries it took, it was reported once.
  expect(refused).toHaveLength(1);
  expect(drawWorkflows(await fleet.db.run(listWorkflows))).toContain(
    'default/changed 0.0.9: no live worker serves it, and 1 task waits',
  );
});

it('a worker does not start if all its workflows are refused, and its error names the reason of each', async () => {
  await registerWorkflow(fleet.db, workflow('other', 'a'));
  await registerWorkflow(fleet.db, workflow('third', 'a'));
  await expect(fleet.start([workflow('other', 'a', 'b'), workflow('third', 'c')])).rejects.toThrow(
    /^none of the workflows can be served: workflow default\/other 0\.1\.0 .*; workflow default\/third 0\.1\.0 /,
  );
});
