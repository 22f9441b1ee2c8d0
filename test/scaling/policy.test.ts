import fc from '../support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { allot } from '../../src/scaling/allot.ts';
import { nextSignal, type QueueObservation, type QueueSignal, type ScalingSettings } from '../../src/scaling/policy.ts';
import { DEFAULT_SCALING } from './default-scaling.ts';

const settings: ScalingSettings = { ...DEFAULT_SCALING, assumedSlots: 10 };
const nothing: QueueObservation = {
  at: 0,
  ready: 0,
  oldestReadySeconds: 0,
  startedTotal: 0,
  completedTotal: 0,
  completedSecondsTotal: 0,
  running: 0,
  runningSeconds: 0,
  workers: 0,
  slotsPerWorker: null,
};

/** Evaluates one observation after the other, each laid over the one before it. */
function evaluate(...changes: Partial<QueueObservation>[]): QueueSignal {
  let signal: QueueSignal | undefined;
  let observation = nothing;
  for (const change of changes) {
    observation = { ...observation, ...change };
    signal = nextSignal(signal, observation, settings);
  }
  return signal as QueueSignal;
}

/** A queue at work: `rate` steps a second that take `seconds`, on `workers` of ten slots, for five minutes. */
function steady(rate: number, seconds: number, workers: number): Partial<QueueObservation>[] {
  return Array.from({ length: 60 }, (_, index) => ({
    at: index * 5,
    startedTotal: rate * index * 5,
    completedTotal: rate * index * 5,
    completedSecondsTotal: rate * index * 5 * seconds,
    running: rate * seconds,
    runningSeconds: (rate * seconds * seconds) / 2,
    workers,
    slotsPerWorker: 10,
  }));
}

describe('the scaling policy', () => {
  it('wants no worker if there is no work, from the first evaluation on', () => {
    expect(evaluate({})).toMatchObject({ desiredReplicas: 0, reason: 'idle' });
    expect(evaluate({}, { at: 5 }, { at: 10 })).toMatchObject({ desiredReplicas: 0, reason: 'idle' });
  });

  it('wants one from zero for a single step', () => {
    expect(evaluate({}, { at: 5, ready: 1 })).toMatchObject({ desiredReplicas: 1, reason: 'load' });
  });

  it('keeps steady work within its share of the slots', () => {
    // 40 a second of 1.5 s: 60 slots in use, 75 at 80 %.
    const signal = evaluate(...steady(40, 1.5, 8));
    expect(signal.stepSeconds).toBeCloseTo(1.5);
    expect(signal.arrivalRate).toBeCloseTo(40, 0);
    expect(signal.desiredReplicas).toBe(8);
  });

  it('adds what works a backlog off within the target', () => {
    // A backlog of 1,000 steps of 1 s in 10 s: 100 slots.
    expect(evaluate({ ready: 1000 }).desiredReplicas).toBe(10);
  });

  it('gives a step that takes longer than the target a slot of its own, and not more', () => {
    const signal = nextSignal(undefined, { ...nothing, ready: 100 }, { ...settings, assumedStepSeconds: 3600 });
    expect(signal.desiredReplicas).toBe(10);
  });

  it('counts on no more steps per second than a worker can do, however short they are', () => {
    const signal = nextSignal(
      undefined,
      { ...nothing, ready: 100_000 },
      { ...settings, assumedStepSeconds: 0.0001, workerStepsPerSecond: 500 },
    );
    // 100,000 in 10 s at 500 a second.
    expect(signal.desiredReplicas).toBe(20);
  });

  it('never wants fewer than what runs needs', () => {
    const long = { running: 73, runningSeconds: 73, workers: 8, slotsPerWorker: 10 };
    expect(evaluate({ at: 0, ...long }, { at: 5, ...long }).desiredReplicas).toBe(8);
  });

  it('holds while handlers hang, whatever waits, and follows the load when they go on', () => {
    const before = steady(40, 1.5, 8);
    const last = before.at(-1) as QueueObservation;
    const stuck = Array.from({ length: 60 }, (_, index) => ({
      at: last.at + 5 + index * 5,
      ready: 200 * (index + 1),
      oldestReadySeconds: 5 * (index + 1),
      startedTotal: last.startedTotal + 20,
      running: 80,
      runningSeconds: 80 * 5 * (index + 1),
    }));
    const held = evaluate(...before, ...stuck);
    expect(held).toMatchObject({ desiredReplicas: 8, reason: 'stalled' });
    const end = stuck.at(-1) as { at: number; startedTotal: number };
    const again = evaluate(...before, ...stuck, {
      at: end.at + 5,
      startedTotal: end.startedTotal + 400,
      completedTotal: last.completedTotal + 400,
      completedSecondsTotal: last.completedSecondsTotal + 600,
      runningSeconds: 40,
    });
    expect(again.reason).toBe('load');
    expect(again.desiredReplicas).toBeGreaterThan(8);
  });

  it('does not take steps that are long for steps that hang', () => {
    const long = steady(0.1, 600, 6).map((change, index) => ({ ...change, runningSeconds: 60 * 5 * index }));
    expect(evaluate(...long).reason).toBe('load');
  });

  it('holds if work waits although slots are free: no worker there can run it', () => {
    const waits = Array.from({ length: 60 }, (_, index) => ({
      at: index * 5,
      ready: 5000,
      oldestReadySeconds: index * 5,
      workers: 3,
      slotsPerWorker: 10,
    }));
    expect(evaluate(...waits)).toMatchObject({ reason: 'unclaimed' });
    expect(evaluate(...waits).desiredReplicas).toBeLessThanOrEqual(3);
  });

  it('forgets a rate within a minute after the last arrival', () => {
    const last = steady(40, 1.5, 8).at(-1) as QueueObservation;
    const quiet = Array.from({ length: 14 }, (_, index) => ({
      at: last.at + 5 * (index + 1),
      running: 0,
      runningSeconds: 0,
    }));
    expect(evaluate(...steady(40, 1.5, 8), ...quiet)).toMatchObject({ desiredReplicas: 0, reason: 'idle' });
  });

  it('ignores a measurement with totals that fell, or with a clock that stood', () => {
    const last = steady(40, 1.5, 8).at(-1) as QueueObservation;
    const before = evaluate(...steady(40, 1.5, 8));
    const fell = evaluate(...steady(40, 1.5, 8), {
      at: last.at + 5,
      startedTotal: 0,
      completedTotal: 0,
      completedSecondsTotal: 0,
    });
    expect(fell).toMatchObject({ arrivalRate: before.arrivalRate, stepSeconds: before.stepSeconds });
    expect(evaluate(...steady(40, 1.5, 8), { at: last.at }).arrivalRate).toBe(before.arrivalRate);
  });

  const amount = fc.double({ min: 0, max: 1e6, noNaN: true });
  const observation = fc.record({
    ready: fc.nat(1_000_000),
    oldestReadySeconds: amount,
    startedTotal: fc.nat(1_000_000),
    completedTotal: fc.nat(1_000_000),
    completedSecondsTotal: amount,
    running: fc.nat(10_000),
    runningSeconds: amount,
    workers: fc.nat(500),
    slotsPerWorker: fc.option(fc.double({ min: 0, max: 10_000, noNaN: true })),
  });
  const history = fc.array(fc.tuple(observation, fc.double({ min: 0, max: 1000, noNaN: true })), {
    minLength: 1,
    maxLength: 8,
  });

  it('returns whole, finite numbers, and at least one if there is work, for any input', () => {
    fc.assert(
      fc.property(history, (changes) => {
        let at = 0;
        let signal: QueueSignal | undefined;
        for (const [change, seconds] of changes) {
          at += seconds;
          signal = nextSignal(signal, { ...change, at }, settings);
          expect(Number.isSafeInteger(signal.desiredReplicas)).toBe(true);
          expect(signal.desiredReplicas).toBeGreaterThanOrEqual(change.ready + change.running > 0 ? 1 : 0);
          for (const value of [signal.desiredSlots, signal.arrivalRate, signal.stepSeconds, signal.completionRate]) {
            expect(Number.isFinite(value) && value >= 0).toBe(true);
          }
        }
      }),
    );
  });

  it('never wants fewer for a deeper backlog', () => {
    fc.assert(
      fc.property(fc.nat(100_000), fc.nat(100_000), fc.integer({ min: 1, max: 200 }), (ready, more, slots) => {
        const at = (depth: number): number =>
          nextSignal(
            undefined,
            { ...nothing, ready: depth, slotsPerWorker: slots, workers: 1, running: slots },
            settings,
          ).desiredReplicas;
        expect(at(ready + more)).toBeGreaterThanOrEqual(at(ready));
      }),
    );
  });
});

describe('the limit', () => {
  it('is never exceeded, gives no queue more than it wants, and each that wants any one as long as there are enough', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1000), { maxLength: 20 }), fc.nat(2000), (wanted, limit) => {
        const shares = allot(wanted, limit);
        const sum = shares.reduce((total, share) => total + share, 0);
        const total = wanted.reduce((all, replicas) => all + replicas, 0);
        expect(sum).toBe(Math.min(limit, total));
        expect(
          shares.every((share, index) => Number.isInteger(share) && share >= 0 && share <= (wanted[index] ?? 0)),
        ).toBe(true);
        const active = wanted.filter((replicas) => replicas > 0).length;
        if (limit >= active) expect(shares.every((share, index) => wanted[index] === 0 || share >= 1)).toBe(true);
      }),
    );
  });

  it('is shared by demand', () => {
    expect(allot([30, 10, 0], 20)).toEqual([15, 5, 0]);
    expect(allot([3, 1], 20)).toEqual([3, 1]);
    expect(allot([5, 5, 5], 2)).toEqual([1, 1, 0]);
  });
});
