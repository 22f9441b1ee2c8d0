import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { z } from 'zod';
import { PermanentError, WaitTimeoutError } from '../../src/errors.ts';
import { startTestFleet, type TestFleet } from '../../src/testing/index.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';

const keys = new Map<string, string[]>();

/** Charges an order; fails for good while `broken` has it. */
const broken = new Set<string>();
const orders = defineWorkflow({
  namespace: 'shop',
  name: 'orders',
  version: '1.1.0',
  identity: 'caller_key',
  reuse: 'afterFailure',
  input: z.object({ order: z.string() }),
})
  .step('price', ({ input }) => ({ order: input.order, cents: 4200 }))
  .step('charge', { dependsOn: ['price'] }, ({ input, parents, idempotencyKey }) => {
    keys.set(input.order, [...(keys.get(input.order) ?? []), idempotencyKey]);
    if (broken.has(input.order)) {
      throw new PermanentError('declined', { cause: Object.assign(new Error('no funds'), { code: 'CARD' }) });
    }
    return `charged ${parents.price.cents}`;
  });
const slow = defineWorkflow({ name: 'slow', input: z.null() }).step('wait', async ({ signal }) => {
  await sleep(60_000, undefined, { signal });
});

let fleet: TestFleet;
beforeAll(async () => {
  fleet = await startTestFleet({ workflows: [orders, slow], url: inject('testRun').adminUrl });
});
afterAll(() => fleet.stop());

describe('submitAndWait', () => {
  it('returns the results of every step, with what the submit did', async () => {
    const result = await fleet.client.submitAndWait(orders, { order: 'a' }, { key: 'a', timeoutMs: 20_000 });
    expect(result).toEqual({
      state: 'complete',
      taskId: result.taskId,
      results: { price: { order: 'a', cents: 4200 }, charge: 'charged 4200' },
      submitted: { outcome: 'created', taskId: result.taskId },
    });
    const again = await fleet.client.submitAndWait(orders, { order: 'b' }, { key: 'a' });
    expect(again).toMatchObject({ state: 'complete', submitted: { outcome: 'existing', inputDiffers: true } });
  });

  it('returns the errors of a task in error as they are stored; a later submit charges under another key', async () => {
    broken.add('c');
    const failed = await fleet.client.submitAndWait(orders, { order: 'c' }, { key: 'c' });
    expect(failed).toMatchObject({
      state: 'error',
      results: { price: { cents: 4200 } },
      errors: [
        {
          step: 'charge',
          attempts: 1,
          error: {
            name: 'PermanentError',
            message: 'declined',
            code: 'PERMANENT',
            cause: { message: 'no funds', code: 'CARD' },
          },
        },
      ],
    });
    expect(failed.state === 'error' && failed.errors[0]?.error.stack).toContain('declined');

    broken.delete('c');
    const again = await fleet.client.submitAndWait(orders, { order: 'c' }, { key: 'c' });
    expect(again).toMatchObject({ state: 'complete', submitted: { outcome: 'created', replaces: failed.taskId } });
    expect(new Set(keys.get('c')).size).toBe(2);
    expect(await fleet.client.retry(failed.taskId)).toEqual({
      outcome: 'superseded',
      state: 'error',
      by: again.taskId,
    });
  });

  it('throws WaitTimeoutError with the id of the task, which goes on; result waits for the end', async () => {
    const error = await fleet.client.submitAndWait(slow, null, { timeoutMs: 50 }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(WaitTimeoutError);
    const { taskId } = (error as WaitTimeoutError).details as { taskId: string };
    expect(error).toMatchObject({ code: 'WAIT_TIMEOUT', details: { taskId, timeoutMs: 50 } });
    await fleet.client.cancel(taskId);
    expect(await fleet.client.result(slow, taskId)).toEqual({ state: 'cancelled', taskId, results: {}, errors: [] });
  });

  it('submits nothing if an option of the wait is wrong', async () => {
    await expect(fleet.client.submitAndWait(slow, null, { timeoutMs: -1 })).rejects.toThrow(
      /timeoutMs is -1: use milliseconds/,
    );
    expect(await fleet.client.listTasks({ workflow: 'slow', states: ['pending', 'in_progress'] })).toEqual([]);
  });
});

describe('result', () => {
  it('refuses a task of another workflow or version, whose results have other types', async () => {
    const { taskId } = await fleet.client.submitAndWait(orders, { order: 'd' }, { key: 'd' });
    await expect(fleet.client.result(slow, taskId)).rejects.toThrow(
      `task ${taskId} is of workflow shop/orders 1.1.0, not of default/slow 0.1.0`,
    );
  });
});
