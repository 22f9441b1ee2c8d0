import { describe, expect, it } from 'vitest';
import type { ClaimScan } from '../../src/engine/claim.ts';
import { ClaimCursor } from '../../src/worker/scope/claim-cursor.ts';
import { ClaimCursors } from '../../src/worker/scope/claim-cursors.ts';

const POLL_MS = 1000;
const SECOND_US = 1_000_000;
const START_US = 1_800_000_000 * SECOND_US;
const SURE_US = START_US - 100;

const scan = (more: Partial<ClaimScan> = {}): ClaimScan => ({
  xmin: 100,
  xid: 101,
  nowUs: START_US,
  scanMs: 1,
  reached: [[0, START_US - 10]],
  ...more,
});
const claim = (more: Partial<Parameters<ClaimCursor['claimed']>[0]> = {}) => ({
  whole: true,
  full: true,
  scan: scan(),
  startedAtMs: 0,
  ms: 1,
  ...more,
});
const after = (...claims: Parameters<ClaimCursor['claimed']>[0][]): ClaimCursor => {
  const cursor = new ClaimCursor(POLL_MS);
  // Everything before this time has ended when the others are made.
  cursor.claimed(claim({ whole: false, scan: scan({ xmin: 1, xid: 50, nowUs: SURE_US, reached: [] }) }));
  for (const one of claims) cursor.claimed(one);
  return cursor;
};
const positions = (cursor: ClaimCursor): [number, number | undefined][] =>
  cursor
    .rangesBelow(40_000)
    .filter((range) => range.fromReadyUs !== undefined)
    .map((range) => [range.fromPriority, range.fromReadyUs]);

describe('the ranges of a claim', () => {
  it('are the whole queue before the first claim, and afterwards every priority from where claims go on', () => {
    expect(new ClaimCursor(POLL_MS).ranges(0)).toEqual([
      { fromPriority: -32_768, fromReadyUs: undefined, toPriority: 32_767 },
    ]);
    const cursor = after(claim({ scan: scan({ reached: [[5, SURE_US - 10]] }) }));
    expect(cursor.ranges(10)).toEqual([
      { fromPriority: -32_768, fromReadyUs: undefined, toPriority: 4 },
      { fromPriority: 5, fromReadyUs: SURE_US - 10, toPriority: 5 },
      { fromPriority: 6, fromReadyUs: undefined, toPriority: 32_767 },
    ]);
  });

  it('cover every priority once, also the first and the last', () => {
    const reached = [-32_768, -1, 0, 32_767].map((priority) => [priority, START_US] as const);
    const ranges = after(claim({ full: false, scan: scan({ reached }) })).rangesBelow(32_768);
    let next = -32_768;
    for (const range of ranges) {
      expect(range.fromPriority).toBe(next);
      next = range.toPriority + 1;
    }
    expect(next).toBe(32_768);
  });

  it('of a claim that took steps of two priorities go on with the less urgent one, and know that the other is drained', () => {
    const reached = [
      [-3, START_US - 500],
      [7, START_US - 400],
    ] as const;
    expect(positions(after(claim({ scan: scan({ reached }) })))).toEqual([
      [-3, SURE_US],
      [7, START_US - 400],
    ]);
  });

  it('of a claim that took all there was begin at the time before which nothing can appear any more', () => {
    expect(positions(after(claim({ full: false })))).toEqual([[0, SURE_US]]);
  });

  it('keep the positions of 16 priorities at most, the most urgent ones', () => {
    const reached = Array.from({ length: 20 }, (_, priority) => [priority, START_US] as const);
    expect(positions(after(claim({ scan: scan({ reached }) }))).map(([priority]) => priority)).toEqual(
      Array.from({ length: 16 }, (_, priority) => priority),
    );
  });
});

describe('a position', () => {
  it('is no later than the begin of the latest claim that is older than every transaction that was writing', () => {
    const at = (ms: number, xid: number, xmin: number) =>
      claim({ scan: scan({ xmin, xid, nowUs: START_US + ms * 1000, reached: [[0, START_US + ms * 1000 - 1]] }) });
    const cursor = after(at(0, 100, 90), at(10, 120, 110));
    // 110 may still be writing: it got its id after the first claim began.
    expect(positions(cursor)).toEqual([[0, START_US]]);
    cursor.claimed(at(20, 140, 120));
    expect(positions(cursor)).toEqual([[0, START_US]]);
    cursor.claimed(at(30, 160, 141));
    expect(positions(cursor)).toEqual([[0, START_US + 20_000]]);
  });

  it('is held back for a second at most', () => {
    const cursor = after(claim());
    for (let seconds = 0.5; seconds <= 10; seconds += 0.5) {
      const nowUs = START_US + seconds * SECOND_US;
      cursor.claimed(claim({ scan: scan({ xmin: 50, xid: 200, nowUs, reached: [[0, nowUs]] }) }));
    }
    expect(positions(cursor)).toEqual([[0, START_US + 9 * SECOND_US]]);
  });

  it('is forgotten when the database clock was set back', () => {
    const cursor = after(claim(), claim({ scan: scan({ nowUs: START_US - 60 * SECOND_US, reached: [[4, 1]] }) }));
    expect(positions(cursor).map(([priority]) => priority)).toEqual([4]);
  });
});

describe('a scan of the whole queue', () => {
  it('comes once a second while every claim is full, if it is cheap', () => {
    const cursor = after(claim());
    expect(cursor.untilWholeScan(500)).toBeGreaterThan(0);
    expect(cursor.untilWholeScan(1001)).toBe(0);
  });

  it('takes no more than a twentieth of the time while every claim is full', () => {
    const cursor = after(claim({ scan: scan({ scanMs: 500 }) }));
    expect(cursor.untilWholeScan(9000)).toBeGreaterThan(0);
    expect(cursor.untilWholeScan(10_001)).toBe(0);
  });

  it('waits for the poll interval at most after a claim that found less than it could take, whatever it costs', () => {
    const cursor = after(claim({ scan: scan({ scanMs: 5000 }) }), claim({ whole: false, full: false }));
    expect(cursor.untilWholeScan(POLL_MS - 1)).toBeGreaterThan(0);
    expect(cursor.untilWholeScan(POLL_MS + 1)).toBe(0);
  });

  it('is not put off by a first claim that had to connect, to plan and to wait for a processor', () => {
    const cursor = after(
      claim({ ms: 1100, scan: scan({ scanMs: 2 }) }),
      claim({ whole: false, full: false, startedAtMs: 1110 }),
    );
    expect(cursor.untilWholeScan(1100 + 41)).toBe(0);
  });
});

describe('what a completion reads before it claims children', () => {
  const of = (queues: Record<string, readonly number[]>) => {
    const cursors = new ClaimCursors(Object.keys(queues), POLL_MS);
    for (const [queue, priorities] of Object.entries(queues))
      for (const priority of priorities)
        cursors.of(queue).claimed(claim({ scan: scan({ reached: [[priority, START_US]] }) }));
    return cursors.chainBounds();
  };

  it('is unknown before the first claim', () => {
    expect(of({ a: [] })).toBeUndefined();
  });

  it('with one priority is one range for each queue, which is empty as a rule', () => {
    const range = { fromPriority: -32_768, fromReadyUs: undefined, toPriority: 2 };
    expect(of({ a: [3], b: [] })).toEqual({
      leastUrgent: 3,
      ranges: [
        { queue: 'a', ...range },
        { queue: 'b', ...range },
      ],
    });
  });

  it('with several priorities in several queues is decided for each queue', () => {
    expect(of({ a: [0], b: [5], c: [] })?.leastUrgent).toEqual([0, 5, 5]);
  });
});
