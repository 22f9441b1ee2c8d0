import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { InvalidInputError, PermanentError, RetryableError } from '../../src/errors.ts';
import { inTurn, runWorkflow } from '../../src/testing/index.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';

const checkout = defineWorkflow({
  namespace: 'shop',
  name: 'checkout',
  input: z.object({ order: z.string(), amount: z.number().default(5) }),
})
  .step('reserve', ({ input }) => ({ shelf: input.order.length }))
  .step('charge', { dependsOn: ['reserve'] }, async ({ input, parents, idempotencyKey }) => ({
    paid: input.amount,
    from: parents.reserve.shelf,
    key: idempotencyKey,
  }))
  .step('gift', { skippable: true }, () => 'wrapped')
  .step('ship', { dependsOn: ['charge', 'gift'] }, ({ parents }) => ({
    paid: parents.charge.paid,
    gift: parents.gift,
  }));

describe('runWorkflow', () => {
  test('runs every step with the results of its parents, and validates the input', async () => {
    const run = await runWorkflow(checkout, { input: { order: 'abc' } });
    expect(run.state).toBe('complete');
    expect(run.input).toEqual({ order: 'abc', amount: 5 });
    expect(run.results.ship).toEqual({ paid: 5, gift: 'wrapped' });
    expect(run.steps.charge.attempts).toBe(1);
    await expect(runWorkflow(checkout, { input: { order: 7 } as never })).rejects.toThrow(InvalidInputError);
  });

  test('takes functions, results and errors as mocks; one of an unknown step is refused', async () => {
    const run = await runWorkflow(checkout, {
      input: { order: 'abc' },
      mocks: {
        reserve: { shelf: 40 },
        charge: ({ parents, input }) => ({ paid: input.amount, from: parents['reserve'].shelf, key: '' }),
        gift: new PermanentError('no paper'),
      },
    });
    expect(run.state).toBe('error');
    expect(run.results).toMatchObject({ charge: { from: 40 }, gift: undefined, ship: undefined });
    expect(run.steps.gift).toMatchObject({ state: 'error', attempts: 1, error: { name: 'PermanentError' } });
    expect(run.steps.ship).toMatchObject({ state: 'pending', attempts: 0 });
    const misspelt = { input: { order: 'abc' }, mocks: { chrage: null } as never };
    await expect(runWorkflow(checkout, misspelt)).rejects.toThrow('did you mean "charge"?');
  });

  test('retries in virtual time, with the backoff of the step or the one that was asked for', async () => {
    const started = performance.now();
    const paid = { paid: 5, from: 3, key: 'k' };
    const run = await runWorkflow(checkout, {
      input: { order: 'abc' },
      mocks: { charge: inTurn(new Error('busy'), new RetryableError('busy', { retryAfter: 3000 }), paid) },
    });
    expect(run.steps.charge).toMatchObject({ state: 'complete', attempts: 3, error: { name: 'RetryableError' } });
    // 2 s, the longest first backoff, and what the error asked for.
    expect(run.elapsedMs).toBe(3_002_000);
    expect(performance.now() - started).toBeLessThan(5000);
    expect(run.toSnapshot()).toMatchInlineSnapshot(`
      "workflow shop/checkout 0.1.0: complete
        pending -> in_progress: claim
        in_progress -> complete: complete
      step reserve: complete, 1 attempt
        pending -> in_progress: claim
        in_progress -> complete: complete
      step charge: complete, 3 attempts
        pending -> in_progress: claim
        in_progress -> error: fail (Error: busy)
        error -> pending: retry_due
        pending -> in_progress: claim
        in_progress -> error: fail (RetryableError: busy)
        error -> pending: retry_due
        pending -> in_progress: claim
        in_progress -> complete: complete
      step gift: complete, 1 attempt
        pending -> in_progress: claim
        in_progress -> complete: complete
      step ship: complete, 1 attempt
        pending -> in_progress: claim
        in_progress -> complete: complete
      "
    `);
  });

  test('an error that stays blocks its step, and the task ends in error when no other can go on', async () => {
    const run = await runWorkflow(checkout, { input: { order: 'abc' }, mocks: { charge: new Error('no') } });
    expect(run.state).toBe('error');
    expect(run.steps.charge).toMatchObject({ state: 'error', attempts: 3 });
    expect(run.history.at(-1)).toMatchObject({ step: undefined, to: 'error', cause: 'step_blocked', atMs: 6000 });
  });

  test('a bypassed step is not called, and its children get null', async () => {
    const run = await runWorkflow(checkout, {
      input: { order: 'abc' },
      bypassSteps: ['gift'],
      mocks: { gift: new Error('was called') },
    });
    expect(run.results.ship).toEqual({ paid: 5, gift: null });
    const refused = runWorkflow(checkout, { input: { order: 'abc' }, bypassSteps: ['ship'] });
    await expect(refused).rejects.toThrow('not skippable');
  });

  test('results obey the rules of the engine: what is no JSON fails for good, a Date is its text', async () => {
    const dates = defineWorkflow({ name: 'dates', input: z.null() })
      .step('when', () => ({ at: new Date(0), b: 1, aa: 2 }))
      .step('see', { dependsOn: ['when'] }, ({ parents, raw }) => `${parents.when.at} ${raw.parents.when}`);
    expect((await runWorkflow(dates, { input: null })).results.see).toBe(
      '1970-01-01T00:00:00.000Z {"b": 1, "aa": 2, "at": "1970-01-01T00:00:00.000Z"}',
    );
    const run = await runWorkflow(dates, { input: null, mocks: { when: () => new Map() as never } });
    expect(run.steps.when).toMatchObject({ state: 'error', attempts: 1, error: { name: 'UnstorableResult' } });
  });

  test('keys are the same at every attempt, and lines of the log are kept', async () => {
    const keys: string[] = [];
    const run = await runWorkflow(checkout, {
      input: { order: 'abc' },
      mocks: {
        charge: ({ idempotencyKey, attempt, log }) => {
          keys.push(idempotencyKey);
          log.info({ attempt }, 'charging');
          if (attempt < 3) throw new Error('busy');
          return { paid: 1, from: 1, key: '' };
        },
      },
    });
    expect(new Set(keys)).toHaveLength(1);
    expect(run.logged).toHaveLength(3);
    expect(run.logged[2]).toMatchObject({ step: 'charge', attempt: 3, level: 'info', message: 'charging' });
  });
});

describe('virtual time', () => {
  const slow = defineWorkflow({ name: 'slow', input: z.null(), defaults: { retryLimit: 1 } })
    .step('wait', { timeoutSeconds: 60 }, async ({ signal }) => {
      await sleep(59_000, undefined, { signal });
      return 'waited';
    })
    .step('after', { dependsOn: ['wait'] }, () => 'done');

  test('timers of handlers pass without waiting, in the order of their times', async () => {
    const order: string[] = [];
    const timers = defineWorkflow({ name: 'timers', input: z.null() })
      .step('hour', async () => {
        await promisify(setTimeout)(200_000);
        order.push('200 s');
      })
      .step('minute', async () => {
        await new Promise((resolve) => setTimeout(resolve, 60_000));
        order.push('60 s');
        let ticks = 0;
        await new Promise<void>((resolve) => {
          const timer = setInterval(() => {
            ticks += 1;
            if (ticks < 3) return;
            clearInterval(timer);
            resolve();
          }, 10_000);
        });
        order.push('90 s');
      });
    const realTimeout = globalThis.setTimeout;
    const run = await runWorkflow(timers, { input: null });
    expect(globalThis.setTimeout).toBe(realTimeout);
    expect(run.state).toBe('complete');
    expect(order).toEqual(['60 s', '90 s', '200 s']);
    expect(run.elapsedMs).toBe(200_000);
  });

  test('a handler that takes longer than its time limit times out, its signal is aborted', async () => {
    expect((await runWorkflow(slow, { input: null })).elapsedMs).toBe(59_000);
    const run = await runWorkflow(slow, {
      input: null,
      mocks: { wait: async ({ signal }) => sleep(61_000, 'late', { signal }) },
    });
    expect(run.steps.wait).toMatchObject({ state: 'error', error: { name: 'StepTimeout' } });
    expect(run.elapsedMs).toBe(60_000);
    expect(run.history).toContainEqual(expect.objectContaining({ step: 'wait', cause: 'timeout', atMs: 60_000 }));
  });

  test('a handler that hangs, deaf to its signal, is given up on after the grace', async () => {
    const run = await runWorkflow(slow, {
      input: null,
      mocks: { wait: () => new Promise<never>(() => undefined) },
      settings: { abortGraceMs: 2000 },
    });
    expect(run.steps.wait).toMatchObject({ state: 'error', error: { name: 'StepTimeout' } });
    expect(run.elapsedMs).toBe(62_000);
  });

  test('an error in the callback of a timer fails the attempt', async () => {
    const run = await runWorkflow(slow, {
      input: null,
      mocks: {
        wait: () =>
          new Promise<never>(() => {
            setTimeout(() => {
              throw new Error('in a callback');
            }, 10);
          }),
      },
    });
    expect(run.steps.wait).toMatchObject({ state: 'error', error: { message: 'in a callback' } });
  });

  test('what a handler waits for outside of the program is waited for', async () => {
    const real = defineWorkflow({ name: 'real', input: z.null() }).step('child', { timeoutSeconds: 1 }, async () => {
      const { stdout } = await promisify(execFile)(process.execPath, ['-p', '6 * 7']);
      return stdout.trim();
    });
    expect((await runWorkflow(real, { input: null, patienceMs: 60_000 })).results.child).toBe('42');
  });
});

test('settings have the ranges and the defaults of a fleet', async () => {
  const run = (settings: object) => runWorkflow(checkout, { input: { order: 'abc' }, settings });
  await expect(run({ stepTimeoutSeconds: 0 })).rejects.toThrow('TASKER_STEP_TIMEOUT_SECONDS');
  await expect(run({ stepTimeout: 5 })).rejects.toThrow('did you mean "stepTimeoutSeconds"?');
});
