import { describe, expect, it } from 'vitest';
import type { StepTimelineRow, TimelineTransition } from '../../src/db/reads/step-timelines.ts';
import { criticalPath } from '../../src/reads/critical-path/critical-path.ts';

const claim = (at: number): TimelineTransition => ['in_progress', 'claim', at];
const done = (at: number): TimelineTransition => ['complete', 'complete', at];
const failed = (at: number): TimelineTransition => ['error', 'fail', at];
const due = (at: number): TimelineTransition => ['pending', 'retry_due', at];

function step(
  n: number,
  parents: number[],
  transitions: TimelineTransition[],
  more: Partial<StepTimelineRow> = {},
): StepTimelineRow {
  const state = transitions.at(-1)?.[0] ?? 'pending';
  return { n, name: `s${n}`, state, attempts: 1, blocked: false, parents, transitions, ...more };
}

describe('the critical path', () => {
  it('goes through the parents that ended last, and says what each did with its time', () => {
    const found = criticalPath({ state: 'complete', now: 99_000 }, [
      step(1, [], [claim(100), done(1000)]),
      step(2, [1], [claim(1200), failed(2000), due(4000), claim(4500), done(6000)], { attempts: 2 }),
      step(3, [1], [claim(1000), done(3000)]),
      step(4, [2, 3], [claim(6000), done(10_000)]),
    ]);
    expect(found).toEqual({
      complete: true,
      seconds: 10,
      path: [
        {
          step: 's1',
          n: 1,
          state: 'complete',
          attempts: 1,
          from: 0,
          until: 1,
          seconds: 1,
          share: 0.1,
          wait: 0.1,
          work: 0.9,
          backoff: 0,
          held: 0,
        },
        {
          step: 's2',
          n: 2,
          state: 'complete',
          attempts: 2,
          from: 1,
          until: 6,
          seconds: 5,
          share: 0.5,
          wait: 0.7,
          work: 2.3,
          backoff: 2,
          held: 0,
        },
        {
          step: 's4',
          n: 4,
          state: 'complete',
          attempts: 1,
          from: 6,
          until: 10,
          seconds: 4,
          share: 0.4,
          wait: 0,
          work: 4,
          backoff: 0,
          held: 0,
        },
      ],
      totals: { wait: 0.8, work: 7.2, backoff: 2, held: 0 },
      // It ended at 3 s, and the last step would have begun at 6 s all the same.
      slack: [{ step: 's3', n: 3, seconds: 3 }],
    });
  });

  it('gives a chain beside it one slack, shared by its steps', () => {
    const found = criticalPath({ state: 'complete', now: 0 }, [
      step(1, [], [claim(0), done(10_000)]),
      step(2, [], [claim(0), done(1000)]),
      step(3, [2], [claim(1000), done(2000)]),
      step(4, [1, 3], [claim(10_000), done(11_000)]),
    ]);
    expect(found?.slack).toEqual([
      { step: 's2', n: 2, seconds: 8 },
      { step: 's3', n: 3, seconds: 8 },
    ]);
  });

  it('of a task that goes on ends in the step that has been open for the longest time', () => {
    const found = criticalPath({ state: 'in_progress', now: 60_000 }, [
      step(1, [], [claim(0), done(1000)]),
      step(2, [1], [claim(1000), failed(2000)], { blocked: true }),
      step(3, [1], [claim(1000), done(40_000)]),
      step(4, [3], [claim(40_000)]),
      step(5, [2, 4], []),
    ]);
    expect(found?.complete).toBe(false);
    expect(found?.path.map(({ step: name, until, work, held }) => [name, until, work, held])).toEqual([
      ['s1', 1, 1, 0],
      ['s2', 60, 1, 58],
    ]);
  });

  it('counts the time until an operator retried as blocked, and that of a lost worker as work', () => {
    const found = criticalPath({ state: 'complete', now: 0 }, [
      step(
        1,
        [],
        [
          claim(1000),
          ['pending', 'lease_expired', 31_000],
          claim(32_000),
          failed(33_000),
          ['pending', 'operator_retry', 93_000],
          claim(94_000),
          done(95_000),
        ],
      ),
    ]);
    expect(found?.path[0]).toMatchObject({ wait: 3, work: 32, backoff: 0, held: 60 });
  });

  it('ends where an operator ended a step before its parents', () => {
    const found = criticalPath({ state: 'resolved_manually', now: 9000 }, [
      step(1, [], [claim(0), failed(500)], { blocked: true }),
      step(2, [1], [['resolved_manually', 'operator_resolve', 5000]]),
    ]);
    expect(found?.path.length).toBeGreaterThan(0);
    expect(found?.slack.every(({ seconds }) => seconds >= 0)).toBe(true);
  });

  it('is none before anything is there', () => {
    expect(criticalPath({ state: 'pending', now: 5 }, [])).toBeUndefined();
    expect(criticalPath({ state: 'pending', now: 5000 }, [step(1, [], [])])?.path).toMatchObject([
      { wait: 5, share: 1 },
    ]);
  });

  it('adds up to the whole', () => {
    const found = criticalPath({ state: 'complete', now: 0 }, [
      step(1, [], [claim(10), done(333)]),
      step(2, [1], [claim(340), failed(400), due(1000), claim(1001), done(1234.567)]),
    ]);
    const { wait = 0, work = 0, backoff = 0, held = 0 } = found?.totals ?? {};
    expect(wait + work + backoff + held).toBeCloseTo(found?.seconds ?? 0, 6);
  });
});
