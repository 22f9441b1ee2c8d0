import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createClient } from '../../src/client/client.ts';
import { PermanentError } from '../../src/errors.ts';
import type { Worker } from '../../src/worker/worker.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import type { WorkflowDefinition } from '../../src/workflow/definition.ts';
import { waitFor } from '../support/wait-for.ts';
import { useWorkers } from './worker-fixture.ts';

const fleet = await useWorkers();
const client = createClient({
  url: fleet.test.url,
  preparedStatements: fleet.test.directUrl !== undefined,
  notify: false,
});
afterAll(() => client.close());

const Input = z.object({ sku: z.string(), secret: z.string().default('s') });

/** root -> check -> (left, right) -> end; `check` fails for the sku "bad", and each step records the sku that it received. */
const workflow = (name: string, seen: string[]) =>
  defineWorkflow({ name, input: Input })
    .step('root', ({ input }) => void seen.push(`root ${input.sku}`))
    .step('check', { dependsOn: ['root'] }, ({ input }) => {
      seen.push(`check ${input.sku}`);
      if (input.sku === 'bad') throw new PermanentError('no such sku');
    })
    .step('left', { dependsOn: ['check'] }, ({ input }) => void seen.push(`left ${input.sku}`))
    .step('right', { dependsOn: ['check'] }, ({ input }) => void seen.push(`right ${input.sku}`))
    .step('end', { dependsOn: ['left', 'right'] }, ({ input }) => void seen.push(`end ${input.sku}`));

describe.each([
  ['claims of its own, from a warm cache', false, false],
  ['claims of its own, from a cold cache', false, true],
  ['claims by completions, from a warm cache', true, false],
  ['claims by completions, from a cold cache', true, true],
])('an edited input reaches what it was edited for, with %s', (_, fusedClaims, cold) => {
  const name = `${fusedClaims ? 'fused' : 'polled'}_${cold ? 'cold' : 'warm'}`;
  /** Nothing is in the cache of a worker that has just begun. */
  const anew = async (worker: Worker, definition: WorkflowDefinition): Promise<void> => {
    if (!cold) return;
    await worker.stop();
    await fleet.start([definition], { fusedClaims });
  };

  it('a step: the step alone, its children see the input of the task', async () => {
    const seen: string[] = [];
    const definition = workflow(`${name}_step`, seen);
    const worker = await fleet.start([definition], { fusedClaims });
    const { taskId } = await client.submit(definition, { sku: 'bad' });
    await fleet.taskIn(taskId, ['error']);
    await anew(worker, definition);
    const edit = { steps: ['check'], input: { sku: 'good', secret: 's' }, by: 'ada', reason: 'a typo' };
    expect(await client.retry(taskId, edit)).toMatchObject({ outcome: 'retried' });
    await fleet.taskIn(taskId, ['complete']);
    expect(seen.toSorted()).toEqual(['check bad', 'check good', 'end bad', 'left bad', 'right bad', 'root bad']);
    const [row] = await fleet.test.query<{ metadata: unknown }>(
      `SELECT metadata FROM tasker.tasker_workflow_step_transitions
       WHERE task_id = $1 AND cause = 'operator_retry'`,
      [taskId],
    );
    expect(row?.metadata).toEqual({
      by: 'ada',
      reason: 'a typo',
      edited: {
        of: 'step',
        before: expect.stringMatching(/^[0-9a-f]{64}$/),
        after: expect.stringMatching(/^[0-9a-f]{64}$/),
        changes: [{ path: '/sku', from: 'bad', to: 'good' }],
        more: 0,
      },
    });
    const [act] = await client.audit({ on: { kind: 'task', id: taskId }, limit: 1 });
    const { edited } = (row?.metadata ?? {}) as { edited?: { before: string; after: string } };
    expect(act).toMatchObject({
      before_hash: edited?.before,
      after_hash: edited?.after,
      details: { asked: { edit: 'step' } },
    });
    // No value of an input is in the audit.
    expect(JSON.stringify(act)).not.toMatch(/good|bad/);
  });

  it('a task: each step that runs from then on', async () => {
    const seen: string[] = [];
    const definition = workflow(`${name}_task`, seen);
    const worker = await fleet.start([definition], { fusedClaims });
    const { taskId } = await client.submit(definition, { sku: 'bad' });
    await fleet.taskIn(taskId, ['error']);
    await anew(worker, definition);
    expect(await client.retry(taskId, { input: { sku: 'good' } })).toMatchObject({ outcome: 'retried' });
    await fleet.taskIn(taskId, ['complete']);
    expect(seen.toSorted()).toEqual(['check bad', 'check good', 'end good', 'left good', 'right good', 'root bad']);
    expect((await client.getTask(taskId))?.context).toMatchObject({ sku: 'good' });
  });
});

describe('an edit', () => {
  it('is refused with every issue if the stored schema does not accept it, and changes nothing', async () => {
    const seen: string[] = [];
    const definition = workflow('refused', seen);
    await fleet.start([definition]);
    const { taskId } = await client.submit(definition, { sku: 'bad' });
    await fleet.taskIn(taskId, ['error']);
    await expect(client.retry(taskId, { input: { sku: 7 } })).rejects.toMatchObject({
      code: 'INPUT_INVALID',
      details: { issues: [{ path: 'sku' }] },
    });
    await expect(client.retry(taskId, { steps: ['check', 'root'], input: {} })).rejects.toMatchObject({
      details: { field: 'steps' },
    });
    await expect(client.retry(taskId, { input: { sku: 'x', more: Number.NaN } })).rejects.toMatchObject({
      details: { field: 'input' },
    });
    expect(await client.retry(taskId, { input: { sku: 'good' }, dryRun: true })).toMatchObject({ outcome: 'retried' });
    expect(await client.retry(taskId, { steps: ['root'], input: { sku: 'good' } })).toEqual({
      outcome: 'nothing_to_retry',
      state: 'error',
    });
    expect(await client.getTask(taskId)).toMatchObject({ state: 'error', context: { sku: 'bad' } });
  });

  it('of a task waits for its error: before, steps run with the present input', async () => {
    let open: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    const definition = defineWorkflow({ name: 'half', input: Input })
      .step('slow', () => gate)
      .step('failing', () => {
        throw new PermanentError('no');
      });
    await fleet.start([definition]);
    const { taskId } = await client.submit(definition, { sku: 'a' });
    await waitFor(async () => (await client.getTask(taskId))?.steps.some(({ state }) => state === 'error') === true, {
      what: 'a step in error',
    });
    expect(await client.retry(taskId, { input: { sku: 'b' } })).toEqual({ outcome: 'refused', state: 'in_progress' });
    open();
    await fleet.taskIn(taskId, ['error']);
  });
});
