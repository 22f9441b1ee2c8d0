import fc from '../support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { Autoscaler, DEFAULT_AUTOSCALER } from '../../src/scaling/simulation/autoscaler.ts';
import { LOAD_PROFILES, type LoadProfile, loadProfileSchema } from '../../src/scaling/simulation/load-profile.ts';
import { simulate, type SimulationResult, type SimulationSettings } from '../../src/scaling/simulation/simulate.ts';
import { DEFAULT_SCALING } from './default-scaling.ts';

const settings: SimulationSettings = {
  scaling: DEFAULT_SCALING,
  autoscaler: DEFAULT_AUTOSCALER,
  fleet: { slots: 50, workerStepsPerSecond: 500, podStartSeconds: 15, drainGraceSeconds: 25 },
  signalSeconds: 5,
  limit: 40,
};
const profile = (name: string): LoadProfile => LOAD_PROFILES.find((known) => known.name === name) as LoadProfile;
const replay = (load: LoadProfile, change: Partial<SimulationSettings> = {}): SimulationResult =>
  simulate(load, { ...settings, ...change });
const between = (result: SimulationResult, from: number, to: number) =>
  result.samples.filter(({ at }) => at >= from && at < to);
const peak = (samples: SimulationResult['samples']): number => Math.max(...samples.map(({ replicas }) => replicas));

describe('a replayed load', () => {
  it.each(LOAD_PROFILES.map((load) => [load.name, load] as const))(
    '%s: every step starts and none is lost',
    (_, load) => {
      const { arrived, started, completed, failedAttempts, givenBack, samples } = replay(load);
      const last = samples.at(-1);
      expect(last?.ready).toBe(0);
      // Started counts a step again when it was given back or tried again.
      expect(started).toBe(completed + failedAttempts + givenBack + (last?.running ?? 0));
      expect(completed).toBeGreaterThan(arrived * 0.99 - 100);
    },
  );

  it.each(LOAD_PROFILES.map((load) => [load.name, load] as const))('%s: never past the limit', (_, load) => {
    const result = replay(load, { limit: 7 });
    expect(result.peakReplicas).toBeLessThanOrEqual(7);
    expect(Math.max(...result.samples.map(({ desired }) => desired))).toBeLessThanOrEqual(7);
  });

  it('follows a day up and down once, within the target', () => {
    const result = replay(profile('diurnal'));
    expect(result.turns).toBe(1);
    expect(result.startLatency.withinTarget).toBeGreaterThan(0.999);
    // 400 a second of 1.5 s at 80 %: 15 workers at noon.
    expect(result.peakReplicas).toBeGreaterThanOrEqual(15);
    expect(result.peakReplicas).toBeLessThanOrEqual(18);
  });

  it('starts a burst from zero within the time that pods need and a few targets, and goes back to zero', () => {
    const result = replay(profile('bursts'));
    expect(result.startLatency.max).toBeLessThan(150);
    expect(between(result, 1200, 2000).every(({ replicas }) => replicas === 0)).toBe(true);
    expect(result.turns).toBe(5);
  });

  it('is back within the target two minutes after a twentyfold load', () => {
    const result = replay(profile('step-change'));
    const settled = between(result, 1320, 3000);
    expect(Math.max(...settled.map(({ oldestSeconds }) => oldestSeconds))).toBeLessThanOrEqual(
      DEFAULT_SCALING.startLatencySeconds,
    );
    expect(peak(between(result, 2000, 3000))).toBeLessThanOrEqual(11);
    expect(result.turns).toBeLessThanOrEqual(3);
  });

  it('does not add workers while a dependency hangs, and works off the backlog when it is back', () => {
    const result = replay(profile('stuck'));
    expect(peak(between(result, 1200, 2400))).toBeLessThanOrEqual(4);
    expect(Math.max(...between(result, 1300, 2400).map(({ ready }) => ready))).toBeGreaterThan(100_000);
    expect(between(result, 1300, 2390).every(({ reason }) => reason === 'stalled')).toBe(true);
    expect(between(result, 2550, 5400).every(({ oldestSeconds }) => oldestSeconds <= 10)).toBe(true);
    const withoutHold = { ...profile('stuck'), outages: [] };
    expect(peak(replay(withoutHold).samples)).toBeLessThanOrEqual(4);
  });

  it('keeps a trickle on one worker', () => {
    expect(replay(profile('trickle'))).toMatchObject({ peakReplicas: 1, changes: 1, turns: 0 });
  });

  it('starts long steps in time once it has measured that they are long', () => {
    const result = replay(profile('long-steps'), { scaling: { ...DEFAULT_SCALING, assumedStepSeconds: 600 } });
    expect(result.startLatency.withinTarget).toBeGreaterThan(0.95);
    expect(result.peakReplicas).toBeLessThanOrEqual(6);
  });

  /** A load that the limit can carry: rate, step time and slots, over three orders of magnitude each. */
  const carried = fc
    .tuple(
      fc.double({ min: -0.3, max: 2.4, noNaN: true }),
      fc.double({ min: -1.3, max: 0.9, noNaN: true }),
      fc.integer({ min: 5, max: 100 }),
    )
    .map(([rate, seconds, slots]) => ({ perSecond: 10 ** rate, stepSeconds: 10 ** seconds, slots }))
    .filter(({ perSecond, stepSeconds, slots }) => workersFor(perSecond, stepSeconds, slots) < 15);
  const workersFor = (perSecond: number, stepSeconds: number, slots: number): number =>
    (perSecond * Math.max(stepSeconds, slots / 500)) / 0.8 / slots;
  const withSlots = (slots: number): Partial<SimulationSettings> => ({
    fleet: { ...settings.fleet, slots },
    scaling: { ...DEFAULT_SCALING, assumedSlots: slots },
  });

  it('does not grow without bound while any dependency hangs, time limits included', () => {
    fc.assert(
      fc.property(carried, ({ perSecond, stepSeconds, slots }) => {
        const load = loadProfileSchema.parse({
          name: 'outage',
          durationSeconds: 2400,
          stepSeconds,
          arrivals: [{ at: 0, perSecond }],
          outages: [{ from: 900, to: 1500 }],
        });
        const result = replay(load, withSlots(slots));
        const before = result.samples[899]?.replicas as number;
        expect(peak(between(result, 900, 1500))).toBeLessThanOrEqual(Math.ceil(before * 1.5) + 1);
        // And it is over soon after the dependency is back.
        expect(between(result, 2100, 2400).every(({ oldestSeconds }) => oldestSeconds <= 10)).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  it('does not flap under a load that is half or one and a half times its mean from one moment to the next', () => {
    fc.assert(
      fc.property(
        carried,
        fc.array(fc.double({ min: 0.5, max: 1.5, noNaN: true }), { minLength: 360, maxLength: 360 }),
        ({ perSecond, stepSeconds, slots }, factors) => {
          const load = loadProfileSchema.parse({
            name: 'noise',
            durationSeconds: 1800,
            stepSeconds,
            arrivals: factors.map((factor, index) => ({ at: index * 5, perSecond: perSecond * factor })),
          });
          const rest = between(replay(load, withSlots(slots)), 600, 1800);
          const directions = rest
            .slice(1)
            .map(({ replicas }, index) => Math.sign(replicas - (rest[index]?.replicas as number)))
            .filter((direction) => direction !== 0);
          const turns = directions.filter((direction, index) => index > 0 && direction !== directions[index - 1]);
          // Down at most once in five minutes, so up again at most as often.
          expect(turns.length).toBeLessThanOrEqual(8);
          expect(peak(rest)).toBeLessThanOrEqual(Math.ceil(workersFor(perSecond, stepSeconds, slots) * 1.6) + 2);
          expect(rest.filter(({ oldestSeconds }) => oldestSeconds > 10).length).toBeLessThanOrEqual(rest.length * 0.01);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('becomes stable under any steady load that the limit can carry: in time, without changes, without waste', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.5, max: 300, noNaN: true }),
        fc.double({ min: 0.05, max: 4, noNaN: true }),
        fc.integer({ min: 5, max: 100 }),
        (perSecond, stepSeconds, slots) => {
          const slotsNeeded = perSecond * Math.max(stepSeconds, slots / 500);
          fc.pre(slotsNeeded / 0.8 / slots < 20);
          const load = loadProfileSchema.parse({
            name: 'steady',
            durationSeconds: 1800,
            stepSeconds,
            arrivals: [{ at: 0, perSecond }],
          });
          const result = replay(load, {
            fleet: { ...settings.fleet, slots },
            scaling: { ...DEFAULT_SCALING, assumedSlots: slots },
          });
          const rest = between(result, 1200, 1800);
          expect(Math.max(...rest.map(({ oldestSeconds }) => oldestSeconds))).toBeLessThanOrEqual(10);
          const replicas = rest.map((sample) => sample.replicas);
          expect(Math.max(...replicas) - Math.min(...replicas)).toBeLessThanOrEqual(
            1 + Math.ceil(Math.max(...replicas) * 0.1),
          );
          expect(Math.max(...replicas)).toBeLessThanOrEqual(Math.ceil((slotsNeeded / 0.8 / slots) * 1.2) + 2);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('the autoscaler', () => {
  it('goes from zero to one at a poll, and to zero only after the cooldown', () => {
    const scaler = new Autoscaler(DEFAULT_AUTOSCALER);
    expect(scaler.decide(0, 0, 0)).toBe(0);
    expect(scaler.decide(5, 3, 0)).toBe(0);
    expect(scaler.decide(10, 1, 0)).toBe(1);
    expect(scaler.decide(300, 0, 1)).toBe(1);
    expect(scaler.decide(311, 0, 1)).toBe(0);
  });

  it('changes nothing if the signal cannot be read', () => {
    const scaler = new Autoscaler(DEFAULT_AUTOSCALER);
    expect(scaler.decide(0, 5, 5)).toBe(5);
    for (let now = 10; now < 2000; now += 10) expect(scaler.decide(now, undefined, 5)).toBe(5);
  });

  it('doubles at most every 15 seconds, or adds four', () => {
    const scaler = new Autoscaler({ ...DEFAULT_AUTOSCALER, maxReplicas: 100 });
    expect(scaler.decide(0, 60, 1)).toBe(5);
    expect(scaler.decide(15, 60, 5)).toBe(10);
    expect(scaler.decide(30, 60, 10)).toBe(20);
  });

  it('goes down by what was the most within five minutes, at most half a minute’s share at a time', () => {
    const scaler = new Autoscaler(DEFAULT_AUTOSCALER);
    let replicas = 20;
    const seen: number[] = [];
    for (let now = 0; now < 700; now += 5) {
      const next = scaler.decide(now, now < 60 ? 20 : 2, replicas);
      if (next !== replicas) seen.push(next);
      if (now < 340) expect(next).toBe(20);
      replicas = next;
    }
    expect(seen).toEqual([10, 5, 2]);
  });
});
