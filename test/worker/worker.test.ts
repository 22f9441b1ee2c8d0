import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { cancel } from '../../src/engine/cancel.ts';
import { PermanentError, RetryableError } from '../../src/errors.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { waitFor } from '../support/wait-for.ts';
import { useWorkers } from './worker-fixture.ts';

const fleet = await useWorkers();
const anything = z.unknown();
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('a worker', () => {
  it('gives each handler the input and exactly its parents’ results', async () => {
    const seen: unknown[] = [];
    const workflow = defineWorkflow({ name: 'results', input: z.object({ n: z.number() }) })
      .step('a', ({ input }) => input.n + 1)
      .step('b', { dependsOn: ['a'] }, ({ parents }) => ({ twice: parents.a * 2 }))
      .step('c', { dependsOn: ['a', 'b'] }, ({ parents, idempotencyKey, attempt }) => {
        seen.push({ parents, idempotencyKey, attempt });
        return parents.b.twice + parents.a;
      });
    await fleet.start([workflow]);
    const taskId = await fleet.submit(workflow, { n: 1 });
    await fleet.taskIn(taskId, ['complete']);
    expect(await fleet.results(taskId)).toEqual({ a: 2, b: { twice: 4 }, c: 6 });
    expect(seen).toEqual([
      { parents: { a: 2, b: { twice: 4 } }, idempotencyKey: expect.any(String) as string, attempt: 1 },
    ]);
  });

  it('retries a failed step until it succeeds', async () => {
    const workflow = defineWorkflow({ name: 'flaky', input: anything }).step('a', { retryLimit: 5 }, ({ attempt }) => {
      if (attempt < 4) throw new Error(`attempt ${attempt}`);
      return attempt;
    });
    await fleet.start([workflow]);
    const taskId = await fleet.submit(workflow);
    await fleet.taskIn(taskId, ['complete']);
    expect(fleet.finished.map(({ outcome, attempt }) => `${attempt} ${outcome}`)).toEqual([
      '1 error',
      '2 error',
      '3 error',
      '4 complete',
    ]);
  });

  it('ends the retries at a PermanentError, and waits as long as a RetryableError requests', async () => {
    const workflow = defineWorkflow({ name: 'asked', input: anything })
      .step('permanent', () => {
        throw new PermanentError('never');
      })
      .step('asked', ({ attempt }) => {
        if (attempt === 1) throw new RetryableError('busy', { retryAfter: 1 });
        return 'done';
      });
    await fleet.start([workflow], { retryBackoffDisabled: false });
    const started = Date.now();
    const taskId = await fleet.submit(workflow);
    await fleet.taskIn(taskId, ['error']);
    expect(Date.now() - started).toBeGreaterThanOrEqual(1000);
    expect(await fleet.results(taskId)).toEqual({ permanent: null, asked: 'done' });
    expect(await fleet.lastError(taskId, 'permanent')).toMatchObject({
      name: 'PermanentError',
      message: 'never',
      cause: 'fail',
    });
  });

  it('does not retry a step that is not retryable', async () => {
    const workflow = defineWorkflow({ name: 'once', input: anything }).step('a', { retryable: false }, () => {
      throw new Error('once');
    });
    await fleet.start([workflow]);
    const taskId = await fleet.submit(workflow);
    await fleet.taskIn(taskId, ['error']);
    expect(fleet.finished).toEqual([{ step: 'a', outcome: 'error', attempt: 1 }]);
  });

  it('fails a step permanently whose result cannot be stored, and records why', async () => {
    const cyclic: Record<string, unknown> = {};
    cyclic['self'] = cyclic;
    const values: Record<string, unknown> = {
      cyclic,
      bigint: 1n,
      nul: 'a\u0000b',
      large: 'x'.repeat(200_000),
      map: new Map([[1, 2]]),
    };
    const workflow = defineWorkflow({ name: 'unstorable', input: z.object({ kind: z.string() }) }).step(
      'a',
      ({ input }) => values[input.kind] as string,
    );
    await fleet.start([workflow]);
    for (const kind of Object.keys(values)) {
      const taskId = await fleet.submit(workflow, { kind });
      await fleet.taskIn(taskId, ['error']);
      const error = await fleet.lastError(taskId, 'a');
      expect(error.name, kind).toBe('UnstorableResult');
      expect(error.message, kind).toMatch(/^step "a" returned a result that cannot be stored as JSON: .{5}/);
    }
  });

  it('aborts a step at its timeout, and gives up on a handler that ignores its signal', async () => {
    const reasons: unknown[] = [];
    const workflow = defineWorkflow({ name: 'slow', input: anything })
      .step('listens', { timeoutSeconds: 1, retryLimit: 1 }, async ({ signal }) => {
        await new Promise((_, reject) => {
          signal.addEventListener('abort', () => {
            reasons.push((signal.reason as Error).name);
            reject(signal.reason as Error);
          });
        });
      })
      .step('deaf', { timeoutSeconds: 1, retryLimit: 1 }, () => new Promise<null>(() => undefined));
    await fleet.start([workflow]);
    const taskId = await fleet.submit(workflow);
    await fleet.taskIn(taskId, ['error']);
    expect(reasons).toEqual(['StepAborted']);
    for (const step of ['listens', 'deaf']) {
      expect(await fleet.lastError(taskId, step)).toMatchObject({ name: 'StepTimeout', cause: 'timeout' });
    }
  });

  it('completes a bypassed step without calling its handler, when its turn comes', async () => {
    const calls: string[] = [];
    const workflow = defineWorkflow({ name: 'bypass', input: anything })
      .step('a', () => {
        calls.push('a');
      })
      .step('b', { dependsOn: ['a'], skippable: true }, () => {
        calls.push('b');
        return 'b';
      })
      .step('c', { dependsOn: ['b'] }, ({ parents }) => {
        calls.push(`c after ${String(parents.b)}`);
      });
    await fleet.start([workflow]);
    const taskId = await fleet.submit(workflow, {}, { bypassSteps: ['b'] });
    await fleet.taskIn(taskId, ['complete']);
    expect(calls).toEqual(['a', 'c after null']);
  });

  it('aborts a running step whose task was cancelled', async () => {
    const aborted = Promise.withResolvers<string>();
    const workflow = defineWorkflow({ name: 'cancelled', input: anything }).step('a', async ({ signal }) => {
      await new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => {
          aborted.resolve((signal.reason as { abortCause: string }).abortCause);
          resolve();
        });
      });
    });
    await fleet.start([workflow], { reconcileIntervalMs: 200 });
    const taskId = await fleet.submit(workflow);
    await fleet.taskIn(taskId, ['in_progress']);
    await cancel(fleet.db, taskId);
    expect(await aborted.promise).toBe('claim_lost');
    expect(await fleet.taskIn(taskId, ['cancelled'])).toBe('cancelled');
  });

  it('runs no more handlers at once than it has slots', async () => {
    let now = 0;
    let most = 0;
    const workflow = defineWorkflow({ name: 'slots', input: anything }).step('a', async () => {
      now += 1;
      most = Math.max(most, now);
      await sleep(5);
      now -= 1;
    });
    const tasks = await Promise.all(Array.from({ length: 60 }, () => fleet.submit(workflow)));
    await fleet.start([workflow], { slots: 7 });
    for (const taskId of tasks) await fleet.taskIn(taskId, ['complete']);
    expect(most).toBeLessThanOrEqual(7);
    expect(most).toBeGreaterThan(3);
  });

  it('leaves steps of workflows that it does not have to others', async () => {
    const known = defineWorkflow({ name: 'known', input: anything }).step('a', () => 1);
    const unknown = defineWorkflow({ name: 'unknown', input: anything }).step('a', () => 1);
    const stranger = await fleet.submit(unknown);
    await fleet.start([known]);
    await fleet.taskIn(await fleet.submit(known), ['complete']);
    expect(await fleet.taskIn(stranger, ['pending'])).toBe('pending');
    await fleet.start([unknown]);
    await fleet.taskIn(stranger, ['complete']);
  });
});

describe('a drain', () => {
  it('lets running steps end, and leaves nothing claimed', async () => {
    const workflow = defineWorkflow({ name: 'drained', input: anything }).step('a', async () => {
      await sleep(300);
    });
    const worker = await fleet.start([workflow]);
    const taskId = await fleet.submit(workflow);
    await fleet.taskIn(taskId, ['in_progress']);
    await worker.stop();
    expect(await fleet.taskIn(taskId, ['complete'])).toBe('complete');
    expect(await fleet.test.query('SELECT 1 FROM tasker.tasker_claims')).toEqual([]);
    const [row] = await fleet.test.query(
      `SELECT stop_reason FROM tasker.tasker_workers ORDER BY worker_id DESC LIMIT 1`,
    );
    expect(row).toEqual({ stop_reason: 'drained' });
  });

  it('gives back what does not end in time, without spending its attempt', async () => {
    const workflow = defineWorkflow({ name: 'given_back', input: anything }).step('a', async ({ signal, attempt }) => {
      if (attempt === 1 && !restarted) await new Promise((_, reject) => signal.addEventListener('abort', reject));
      return attempt;
    });
    let restarted = false;
    const worker = await fleet.start([workflow], { drainGraceSeconds: 0.2 });
    const taskId = await fleet.submit(workflow);
    await fleet.taskIn(taskId, ['in_progress']);
    await worker.stop();
    const [step] = await fleet.test.query(
      'SELECT state, attempts FROM tasker.tasker_workflow_steps WHERE task_id = $1',
      [taskId],
    );
    expect(step).toEqual({ state: 'pending', attempts: 0 });
    restarted = true;
    await fleet.start([workflow]);
    await fleet.taskIn(taskId, ['complete']);
    expect(await fleet.results(taskId)).toEqual({ a: 1 });
  });
});

describe('a lost lease', () => {
  it('aborts what runs, and the worker goes on under a new id', async () => {
    let runs = 0;
    const workflow = defineWorkflow({ name: 'lost', input: anything }).step(
      'a',
      { retryLimit: 5 },
      async ({ signal, attempt }) => {
        runs += 1;
        if (attempt === 1) await new Promise((_, reject) => signal.addEventListener('abort', reject));
        return attempt;
      },
    );
    const worker = await fleet.start([workflow]);
    const first = worker.lease.last;
    const taskId = await fleet.submit(workflow);
    await fleet.taskIn(taskId, ['in_progress']);
    // Ended and not only expired: a heartbeat could renew it before a sweep sees it.
    await fleet.test.query(
      `UPDATE tasker.tasker_workers SET stopped_at = now(), stop_reason = 'lease_expired' WHERE worker_id = $1`,
      [first],
    );
    await fleet.taskIn(taskId, ['complete']);
    await waitFor(() => worker.lease.last !== first, { timeoutMs: 5000, what: 'a new worker id' });
    expect(runs).toBe(2);
    expect(await fleet.results(taskId)).toEqual({ a: 2 });
  });

  it('is not caused by a handler that blocks the event loop within its time', async () => {
    const workflow = defineWorkflow({ name: 'blocking', input: anything }).step('a', { timeoutSeconds: 20 }, () => {
      const until = performance.now() + 2500;
      while (performance.now() < until);
      return 'blocked and done';
    });
    await fleet.start([workflow], { leaseSeconds: 1, heartbeatIntervalMs: 100, maxStallMs: 300 });
    const taskId = await fleet.submit(workflow);
    await fleet.taskIn(taskId, ['complete']);
    expect(fleet.finished).toEqual([{ step: 'a', outcome: 'complete', attempt: 1 }]);
    await waitFor(() => fleet.finished.length === 1, { timeoutMs: 1000, what: 'the outcome' });
  });
});
