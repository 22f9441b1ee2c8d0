import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { checkClaimOrder, FOUND_AFTER_MS, LONG_TRANSACTION_MS, VISIBLE_AFTER_MS } from '../chaos/claim-order.ts';
import { checkIdleWorkers, type LiveWorker, POLL_INTERVAL_MS, TOLERANCE_MS } from '../chaos/idle-workers.ts';
import { type StepEvent, without } from '../chaos/ready-spans.ts';

/** The checks of claiming on invented histories: each correct one has a wrong one that differs in one thing. */
const CALM = [{ fromMs: 0, toMs: 100_000 }];
const LIMIT_MS = POLL_INTERVAL_MS + TOLERANCE_MS;

const ready = (step: string, atMs: number, change: Partial<StepEvent> = {}): StepEvent => ({
  step,
  queue: 'default',
  priority: 0,
  ready: true,
  claimId: null,
  workerId: null,
  beganMs: atMs - 2,
  atMs,
  committedMs: atMs + 1,
  ...change,
});
const claimed = (step: string, atMs: number, change: Partial<StepEvent> = {}): StepEvent =>
  ready(step, atMs, { ready: false, claimId: randomUUID(), workerId: '1', ...change });
const kinds = (found: { violations: { kind: string }[] }): string[] => found.violations.map(({ kind }) => kind);

describe('the order of claims', () => {
  const order = (...events: StepEvent[]) => checkClaimOrder(events, CALM);
  const urgentAndBulk = [ready('urgent', 1000, { priority: -10 }), ready('bulk', 500, { priority: 10 })];
  const bulk = (atMs: number, change: Partial<StepEvent> = {}) => claimed('bulk', atMs, { priority: 10, ...change });
  const urgent = (atMs: number, change: Partial<StepEvent> = {}) =>
    claimed('urgent', atMs, { priority: -10, ...change });

  it('is right if the urgent step is claimed first, and wrong if it is left', () => {
    expect(order(...urgentAndBulk, urgent(4000), bulk(5000))).toEqual({ violations: [], claims: 2, choices: 1 });
    expect(kinds(order(...urgentAndBulk, bulk(4000), urgent(5000)))).toEqual(['less urgent first']);
    expect(kinds(order(...urgentAndBulk, bulk(4000)))).toEqual(['less urgent first']);
  });

  it('is right if one claim takes both', () => {
    const claimId = randomUUID();
    expect(kinds(order(...urgentAndBulk, bulk(4000, { claimId }), urgent(4000.1, { claimId })))).toEqual([]);
  });

  it('ignores a step that the claim could not see', () => {
    const late = { priority: -10, committedMs: 4000 - VISIBLE_AFTER_MS };
    const other = ready('bulk', 500, { priority: 10 });
    expect(kinds(order(ready('urgent', 3400, late), other, bulk(4001, { beganMs: 3999 }), urgent(6000)))).toEqual([]);
    const seen = { ...late, committedMs: late.committedMs - 2 };
    expect(kinds(order(ready('urgent', 3400, seen), other, bulk(4001, { beganMs: 3999 }), urgent(6000)))).toEqual([
      'less urgent first',
    ]);
  });

  it('excepts a step that another transaction had locked, but not one that was claimed after the claim', () => {
    const [began, at] = [4000, 4010];
    const claim = bulk(at, { beganMs: began });
    expect(kinds(order(...urgentAndBulk, claim, urgent(4500, { beganMs: at - 1, committedMs: 4501 })))).toEqual([]);
    expect(kinds(order(...urgentAndBulk, claim, urgent(4500, { beganMs: at + 1, committedMs: 4501 })))).toEqual([
      'less urgent first',
    ]);
    // Claimed before the claim, and not committed when the claim's snapshot was taken.
    expect(kinds(order(...urgentAndBulk, claim, urgent(3990, { committedMs: began + 5 })))).toEqual([]);
  });

  it('compares only with more urgent steps of the same queue', () => {
    const elsewhere = ready('urgent', 1000, { priority: -10, queue: 'other' });
    expect(kinds(order(elsewhere, ready('bulk', 500, { priority: 10 }), bulk(4000)))).toEqual([]);
    const equal = ready('older', 400, { priority: 10 });
    expect(kinds(order(equal, ready('bulk', 500, { priority: 10 }), bulk(4000)))).toEqual([]);
  });

  it('uses the last readiness and priority of a step that became ready again or changed its priority', () => {
    const raised = ready('urgent', 3000, { priority: 10 });
    expect(kinds(order(...urgentAndBulk, raised, bulk(4000), urgent(5000)))).toEqual([]);
    const back = ready('urgent', 2000, { priority: -10 });
    expect(kinds(order(...urgentAndBulk, urgent(1500), back, bulk(4000)))).toEqual(['less urgent first']);
  });

  it('allows steps of a long transaction to wait for the next scan of the whole queue', () => {
    const committedMs = 5000;
    const long = (ms: number) => ready('urgent', 1000, { priority: -10, beganMs: committedMs - ms, committedMs });
    const other = ready('bulk', 500, { priority: 10 });
    const at = (afterMs: number) => bulk(committedMs + afterMs + 3);
    const soon = VISIBLE_AFTER_MS + 1;
    expect(kinds(order(long(LONG_TRANSACTION_MS + 1), other, at(soon)))).toEqual([]);
    expect(kinds(order(long(LONG_TRANSACTION_MS), other, at(soon)))).toEqual(['less urgent first']);
    expect(kinds(order(long(LONG_TRANSACTION_MS + 1), other, at(FOUND_AFTER_MS + 1)))).toEqual(['less urgent first']);
  });

  it('includes children that a completion claims, which were never ready', () => {
    const child = claimed('child', 4000, { priority: 10 });
    expect(kinds(order(...urgentAndBulk, child))).toEqual(['less urgent first']);
    expect(kinds(order(...urgentAndBulk, urgent(3000), child))).toEqual([]);
    const elsewhere = claimed('child', 4000, { priority: 10, queue: 'other' });
    expect(kinds(order(...urgentAndBulk, elsewhere))).toEqual([]);
    // One completion may claim children from several queues.
    const claimId = randomUUID();
    const both = [
      claimed('a', 4000, { claimId, queue: 'other', priority: 20 }),
      claimed('b', 4000, { claimId, priority: -20 }),
    ];
    expect(kinds(order(...urgentAndBulk, ...both))).toEqual([]);
  });

  it('is checked only in calm spans', () => {
    const calm = [{ fromMs: 4100, toMs: 9000 }];
    expect(checkClaimOrder([...urgentAndBulk, bulk(4000)], calm)).toEqual({ violations: [], claims: 0, choices: 0 });
    expect(kinds(checkClaimOrder([...urgentAndBulk, bulk(5000)], calm))).toEqual(['less urgent first']);
  });
});

describe('idle workers', () => {
  const worker: LiveWorker = {
    workerId: '1',
    queues: ['default'],
    slots: 4,
    fromMs: 0,
    toMs: Infinity,
    disturbed: [],
  };
  const idle = (events: StepEvent[], change: Partial<LiveWorker> = {}, calm = CALM) =>
    checkIdleWorkers(events, [{ ...worker, ...change }], calm);
  const waits = (ms: number): StepEvent[] => [ready('step', 1000), claimed('step', 1001 + ms)];
  const holds = (count: number, fromMs: number, toMs: number): StepEvent[] =>
    Array.from({ length: count }, (_, index) => [
      claimed(`held ${index}`, fromMs),
      ready(`held ${index}`, toMs, { ready: false }),
    ]).flat();

  it('may leave a ready step for a poll interval plus the tolerance, and no longer', () => {
    expect(idle(waits(LIMIT_MS))).toEqual({ violations: [], spans: 1, longestMs: LIMIT_MS });
    expect(kinds(idle(waits(LIMIT_MS + 1)))).toEqual(['idle beside ready']);
    expect(kinds(idle([ready('step', 1000)]))).toEqual(['idle beside ready']);
  });

  it('are live workers that serve the queue', () => {
    expect(kinds(idle(waits(20_000), { queues: ['other'] }))).toEqual([]);
    expect(kinds(idle(waits(20_000), { toMs: 1000 + LIMIT_MS }))).toEqual([]);
    expect(kinds(idle(waits(20_000), { fromMs: 21_001 - LIMIT_MS }))).toEqual([]);
    expect(kinds(idle(waits(20_000), { fromMs: 21_000 - LIMIT_MS }))).toEqual(['idle beside ready']);
  });

  it('have free slots for the whole time', () => {
    expect(kinds(idle([...waits(9000), ...holds(3, 5000, 6000)]))).toEqual([]);
    expect(kinds(idle([...waits(9000), ...holds(2, 5000, 6000)]))).toEqual(['idle beside ready']);
    expect(kinds(idle([...waits(9000), ...holds(3, 9000, 9500)]))).toEqual(['idle beside ready']);
  });

  it('are not workers whose event loop is blocked by a handler', () => {
    expect(kinds(idle(waits(9000), { disturbed: [{ fromMs: 4000, toMs: 5000 }] }))).toEqual([]);
    expect(kinds(idle(waits(9000), { disturbed: [{ fromMs: 900, toMs: 2000 }] }))).toEqual(['idle beside ready']);
  });

  it('are checked only in calm spans, and a wait counts from the beginning of the span', () => {
    const events = waits(20_000);
    expect(kinds(idle(events, {}, [{ fromMs: 2000, toMs: 2000 + LIMIT_MS }]))).toEqual([]);
    expect(kinds(idle(events, {}, [{ fromMs: 2000, toMs: 2001 + LIMIT_MS }]))).toEqual(['idle beside ready']);
  });
});

it('calm spans are the rest of the run without the spans of its faults', () => {
  const holes = [
    { fromMs: 30, toMs: 40 },
    { fromMs: 10, toMs: 20 },
    { fromMs: 15, toMs: 25 },
    { fromMs: 90, toMs: 120 },
  ];
  expect(without({ fromMs: 0, toMs: 100 }, holes)).toEqual([
    { fromMs: 0, toMs: 10 },
    { fromMs: 25, toMs: 30 },
    { fromMs: 40, toMs: 90 },
  ]);
});
