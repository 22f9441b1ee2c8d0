import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Database } from '../../src/db/connections/database.ts';
import type { ClaimedStep, ClaimRequest } from '../../src/engine/claim.ts';
import type { CompleteOutcome, CompleteRequest } from '../../src/engine/complete.ts';
import { Completer } from '../../src/worker/completing/completer.ts';
import type { Ended } from '../../src/worker/completing/completer-options.ts';
import { ClaimLedger } from '../../src/worker/scope/claim-ledger.ts';
import { Claimer } from '../../src/worker/claiming/claimer.ts';
import { Slots } from '../../src/worker/scope/slots.ts';
import { waitFor } from '../support/wait-for.ts';
import { claimerOptions } from './claimer-fixture.ts';

/** What was asked of the database, and is answered when the test says so. */
const asked = vi.hoisted(() => {
  class Asked<Request, Reply> {
    readonly all: { request: Request; answer: (reply: Reply) => void }[] = [];
    private waiter: { count: number; heard: () => void } | undefined;

    ask(request: Request): Promise<Reply> {
      return new Promise((answer) => {
        this.all.push({ request, answer });
        if (this.waiter?.count === this.all.length) this.waiter.heard();
      });
    }

    /** Resolves when so many were asked, before anything that waits for another turn of the event loop. */
    async sent(count: number) {
      if (this.all.length < count) await new Promise<void>((heard) => (this.waiter = { count, heard }));
      return this.all[count - 1] as (typeof this.all)[number];
    }
  }
  return {
    claims: new Asked<ClaimRequest, ClaimedStep[]>(),
    completions: new Asked<CompleteRequest, CompleteOutcome>(),
  };
});
vi.mock('../../src/engine/claim.ts', async (original) => ({
  ...(await original<object>()),
  claim: (_: unknown, request: ClaimRequest) => asked.claims.ask(request),
}));
vi.mock('../../src/engine/complete.ts', async (original) => ({
  ...(await original<object>()),
  complete: (_: unknown, request: CompleteRequest) => asked.completions.ask(request),
}));

const step = (n: number, claimId = 'c'): ClaimedStep => ({
  taskId: String(n),
  stepId: String(n * 65536 + 1),
  claimId,
  namedTaskId: 1,
  attempt: 1,
  retryLimit: 3,
  waitedSeconds: 0,
});
const nothing = (): CompleteOutcome => ({
  lost: [],
  claimed: [],
  ready: new Map(),
  completedTasks: [],
  erroredTasks: [],
});
const db = { plans: 'pinned' } as unknown as Database;

let poller: Claimer | undefined;
afterEach(async () => {
  const stopped = poller?.stop();
  for (const { answer } of asked.claims.all) answer([]);
  await stopped;
  asked.claims.all.length = 0;
  asked.completions.all.length = 0;
});

function startPoller(slotCount: number) {
  const slots = new Slots(slotCount, () => undefined);
  const claims = new ClaimLedger();
  const delivered: { steps: number; claimsSent: number; reserved: number }[] = [];
  poller = new Claimer({
    ...claimerOptions(1000),
    slots,
    maxClaim: 4,
    claims,
    onClaimed: (_, steps) => {
      for (const { claimId } of steps) claims.opened(claimId, 1);
      delivered.push({ steps: steps.length, claimsSent: asked.claims.all.length, reserved: slotCount - slots.free });
      // They run for as long as the test does.
      for (const _step of steps) slots.run(() => undefined);
    },
  });
  poller.start();
  const sent = (count: number) => asked.claims.sent(count);
  const fourOf = ({ claimId }: ClaimRequest) => [1, 2, 3, 4].map((n) => step(n, claimId));
  return { poller, slots, claims, delivered, sent, fourOf };
}

describe('a claim that is answered in full', () => {
  it('is followed by the next before its steps run, where there are slots for another as large', async () => {
    const { slots, claims, delivered, sent, fourOf } = startPoller(8);
    const first = await sent(1);
    first.answer(fourOf(first.request));
    const second = await sent(2);
    // Nobody takes the first for a stray, nor its slots for free.
    expect([delivered.length, claims.isKnown(first.request.claimId as string), slots.free]).toEqual([0, true, 0]);
    await waitFor(() => delivered.length === 1, { what: 'the delivery of the first claim' });
    expect(delivered).toEqual([{ steps: 4, claimsSent: 2, reserved: 4 }]);
    expect([slots.busy, slots.free, claims.isOpen(first.request.claimId as string)]).toEqual([4, 0, true]);
    second.answer(fourOf(second.request).slice(0, 2));
    // Not full: there is nothing to hurry for.
    await waitFor(() => delivered.length === 2, { what: 'the delivery of the second claim' });
    expect(delivered[1]).toEqual({ steps: 2, claimsSent: 2, reserved: 4 });
    expect([slots.busy, slots.free]).toEqual([6, 2]);
    expect(claims.known().toSorted()).toEqual([first, second].map(({ request }) => request.claimId).toSorted());
  });

  it('runs first where there are not', async () => {
    const { delivered, sent, fourOf } = startPoller(7);
    const first = await sent(1);
    first.answer(fourOf(first.request));
    await sent(2);
    expect(delivered).toEqual([{ steps: 4, claimsSent: 1, reserved: 0 }]);
  });

  it('is handed on by a worker that stops meanwhile', async () => {
    const { poller: stopping, delivered, sent, fourOf } = startPoller(100);
    const first = await sent(1);
    first.answer(fourOf(first.request));
    const second = await sent(2);
    const stopped = stopping.stop();
    second.answer(fourOf(second.request));
    await stopped;
    expect(delivered.map(({ steps }) => steps)).toEqual([4, 4]);
  });
});

describe('a batch of ends that is answered', () => {
  function flusher() {
    const heard: { claimId: string; batchesSent: number }[] = [];
    const made = new Completer({
      db,
      workerId: () => '1',
      backoffDisabled: false,
      backoffCapSeconds: 60,
      maxBatch: 2,
      claiming: () => true,
      queues: ['default'],
      namedTaskIds: () => [1],
      reserveSlots: () => 0,
      unreserveSlots: () => undefined,
      claims: new ClaimLedger(),
      cursors: { chainBounds: () => undefined },
      onClaimed: () => expect.fail('nothing was claimed'),
      onReady: () => undefined,
      onTold: (ended) => heard.push({ claimId: ended.step.claimId, batchesSent: asked.completions.all.length }),
      onFlushed: () => undefined,
      onTasksEnded: () => undefined,
      onError: (_, error) => expect.fail(String(error)),
    });
    const end = (n: number, claimId: string): Ended => ({
      step: step(n, claimId),
      kind: undefined,
      outcome: { kind: 'complete', result: 'null' },
      seconds: 1,
    });
    return { flusher: made, heard, end };
  }
  const sent = (count: number) => asked.completions.sent(count);

  it('is gone through after the next has left, and a drain waits for it', async () => {
    const { flusher: told, heard, end } = flusher();
    for (const [n, claim] of ['a', 'a', 'b', 'b'].entries()) told.add(end(n, claim));
    const first = await sent(1);
    expect(asked.completions.all).toHaveLength(1);
    let drained = false;
    const drain = told.drained().then(() => (drained = true));
    first.answer(nothing());
    const second = await sent(2);
    await waitFor(() => heard.length === 2, { what: 'the answer to the first batch' });
    expect(heard).toEqual([
      { claimId: 'a', batchesSent: 2 },
      { claimId: 'a', batchesSent: 2 },
    ]);
    expect(drained).toBe(false);
    second.answer(nothing());
    await drain;
    expect(heard.map(({ claimId }) => claimId)).toEqual(['a', 'a', 'b', 'b']);
  });

  it('is gone through at once where no other waits', async () => {
    const { flusher: told, heard, end } = flusher();
    told.add(end(1, 'a'));
    (await sent(1)).answer(nothing());
    await told.drained();
    expect(heard).toEqual([{ claimId: 'a', batchesSent: 1 }]);
  });

  it('that nobody has gone through yet holds up a drain', async () => {
    const { flusher: told, heard, end } = flusher();
    for (const [n, claim] of ['a', 'a', 'b'].entries()) told.add(end(n, claim));
    const first = await sent(1);
    first.answer(nothing());
    // The second batch is answered before the first has been gone through.
    const second = await sent(2);
    expect(heard).toEqual([]);
    second.answer(nothing());
    await told.drained();
    expect(heard.map(({ claimId }) => claimId).toSorted()).toEqual(['a', 'a', 'b']);
  });
});
