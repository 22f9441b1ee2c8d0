import { afterEach, describe, expect, it, vi } from 'vitest';
import type { ClaimedStep, ClaimRequest } from '../../src/engine/claim.ts';
import type { CompleteOutcome, CompleteRequest } from '../../src/engine/complete.ts';
import { Claimer } from '../../src/worker/claiming/claimer.ts';
import { Completer } from '../../src/worker/completing/completer.ts';
import { Intake } from '../../src/worker/running/intake.ts';
import type { Ended } from '../../src/worker/scope/outputs.ts';
import { waitFor } from '../support/wait-for.ts';
import { scopeOf, strictEvents } from './scope-fixture.ts';

/** Requests to the database, to which the test responds. */
const requests = vi.hoisted(() => {
  class Requests<Request, Response> {
    readonly all: { request: Request; respond: (response: Response) => void }[] = [];
    private waiter: { count: number; arrived: () => void } | undefined;

    send(request: Request): Promise<Response> {
      return new Promise((respond) => {
        this.all.push({ request, respond });
        if (this.waiter?.count === this.all.length) this.waiter.arrived();
      });
    }

    /** Resolves when this many were sent, before anything that waits for another turn of the event loop. */
    async sent(count: number) {
      if (this.all.length < count) await new Promise<void>((arrived) => (this.waiter = { count, arrived }));
      return this.all[count - 1] as (typeof this.all)[number];
    }
  }
  return {
    claims: new Requests<ClaimRequest, ClaimedStep[]>(),
    completions: new Requests<CompleteRequest, CompleteOutcome>(),
  };
});
vi.mock('../../src/engine/claim.ts', async (original) => ({
  ...(await original<object>()),
  claim: (_: unknown, request: ClaimRequest) => requests.claims.send(request),
}));
vi.mock('../../src/engine/complete.ts', async (original) => ({
  ...(await original<object>()),
  complete: (_: unknown, request: CompleteRequest) => requests.completions.send(request),
}));

const step = (n: number, claimId = 'c'): ClaimedStep => ({
  taskId: String(n),
  stepId: String(n * 65536 + 1),
  claimId,
  namedTaskId: 1,
  attempt: 1,
  retryLimit: 3,
  waitedSeconds: 0,
  inputs: {
    context: '{}',
    parents: null,
    bypassSteps: null,
    schedule: null,
    traceContext: null,
    identityHash: 'x',
    hasHistory: false,
    hasEarlierKey: false,
  },
});
const nothing = (): CompleteOutcome => ({
  lost: [],
  claimed: [],
  ready: new Map(),
  completedTasks: [],
  erroredTasks: [],
});

let claimer: Claimer | undefined;
afterEach(async () => {
  const stopped = claimer?.stop();
  for (const { respond } of requests.claims.all) respond([]);
  await stopped;
  requests.claims.all.length = 0;
  requests.completions.all.length = 0;
});

function startClaimer(slotCount: number) {
  const delivered: { steps: number; claimsSent: number; reserved: number }[] = [];
  const scope = scopeOf({
    settings: { slots: slotCount, claimBatch: 4, pollIntervalMs: 1000, maxPollIntervalMs: 1000 },
    events: {
      ...strictEvents,
      claimed: ({ steps }) =>
        delivered.push({ steps, claimsSent: requests.claims.all.length, reserved: slotCount - scope.slots.free }),
    },
  });
  const { slots, claims } = scope;
  claimer = new Claimer(scope, {
    // The steps run for as long as the test does.
    intake: new Intake(scope, { run: () => slots.run(() => undefined) }),
    completer: { backlog: 0 },
    idleCheck: { anyReady: async () => true },
    onRound: () => undefined,
  });
  claimer.start();
  const sent = (count: number) => requests.claims.sent(count);
  const fourOf = ({ claimId }: ClaimRequest) => [1, 2, 3, 4].map((n) => step(n, claimId));
  return { claimer, slots, claims, delivered, sent, fourOf };
}

describe('a claim that comes back full', () => {
  it('is followed by the next before its steps run, if there are slots for another as large', async () => {
    const { slots, claims, delivered, sent, fourOf } = startClaimer(8);
    const first = await sent(1);
    first.respond(fourOf(first.request));
    const second = await sent(2);
    // The first counts neither as an orphan nor its slots as free.
    expect([delivered.length, claims.isKnown(first.request.claimId as string), slots.free]).toEqual([0, true, 0]);
    await waitFor(() => delivered.length === 1, { what: 'the delivery of the first claim' });
    expect(delivered).toEqual([{ steps: 4, claimsSent: 2, reserved: 4 }]);
    expect([slots.busy, slots.free, claims.isOpen(first.request.claimId as string)]).toEqual([4, 0, true]);
    second.respond(fourOf(second.request).slice(0, 2));
    // Not full: no claim goes before its steps.
    await waitFor(() => delivered.length === 2, { what: 'the delivery of the second claim' });
    expect(delivered[1]).toEqual({ steps: 2, claimsSent: 2, reserved: 4 });
    expect([slots.busy, slots.free]).toEqual([6, 2]);
    expect(claims.known().toSorted()).toEqual([first, second].map(({ request }) => request.claimId).toSorted());
  });

  it('runs first if there are not', async () => {
    const { delivered, sent, fourOf } = startClaimer(7);
    const first = await sent(1);
    first.respond(fourOf(first.request));
    await sent(2);
    expect(delivered).toEqual([{ steps: 4, claimsSent: 1, reserved: 0 }]);
  });

  it('is delivered by a worker that stops meanwhile', async () => {
    const { claimer: stopping, delivered, sent, fourOf } = startClaimer(100);
    const first = await sent(1);
    first.respond(fourOf(first.request));
    const second = await sent(2);
    const stopped = stopping.stop();
    second.respond(fourOf(second.request));
    await stopped;
    expect(delivered.map(({ steps }) => steps)).toEqual([4, 4]);
  });
});

describe('a batch of outcomes that was written', () => {
  function startCompleter() {
    const recorded: { claimId: string; batchesSent: number }[] = [];
    const scope = scopeOf();
    scope.signal.claiming = true;
    const completer = new Completer(scope, 2);
    completer.onRecorded = ({ ended, claimed }) => {
      if (claimed !== undefined) expect.fail('nothing was claimed');
      for (const { step: one } of ended)
        recorded.push({ claimId: one.claimId, batchesSent: requests.completions.all.length });
    };
    const end = (n: number, claimId: string): Ended => ({
      step: step(n, claimId),
      type: undefined,
      outcome: { kind: 'complete', result: 'null' },
      seconds: 1,
    });
    return { completer, recorded, end };
  }
  const sent = (count: number) => requests.completions.sent(count);

  it('is delivered after the next was sent, and a drain waits for it', async () => {
    const { completer, recorded, end } = startCompleter();
    for (const [n, claim] of ['a', 'a', 'b', 'b'].entries()) completer.add(end(n, claim));
    const first = await sent(1);
    expect(requests.completions.all).toHaveLength(1);
    let drained = false;
    const drain = completer.drained().then(() => (drained = true));
    first.respond(nothing());
    const second = await sent(2);
    await waitFor(() => recorded.length === 2, { what: 'the delivery of the first batch' });
    expect(recorded).toEqual([
      { claimId: 'a', batchesSent: 2 },
      { claimId: 'a', batchesSent: 2 },
    ]);
    expect(drained).toBe(false);
    second.respond(nothing());
    await drain;
    expect(recorded.map(({ claimId }) => claimId)).toEqual(['a', 'a', 'b', 'b']);
  });

  it('is delivered at once if no other waits', async () => {
    const { completer, recorded, end } = startCompleter();
    completer.add(end(1, 'a'));
    (await sent(1)).respond(nothing());
    await completer.drained();
    expect(recorded).toEqual([{ claimId: 'a', batchesSent: 1 }]);
  });

  it('that is not delivered yet holds up a drain', async () => {
    const { completer, recorded, end } = startCompleter();
    for (const [n, claim] of ['a', 'a', 'b'].entries()) completer.add(end(n, claim));
    const first = await sent(1);
    first.respond(nothing());
    // The second batch is written before the first is delivered.
    const second = await sent(2);
    expect(recorded).toEqual([]);
    second.respond(nothing());
    await completer.drained();
    expect(recorded.map(({ claimId }) => claimId).toSorted()).toEqual(['a', 'a', 'b']);
  });
});
