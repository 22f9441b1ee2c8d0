import { z } from 'zod';

const seconds = z.number().min(0);

/** A load over time. Rates between two points are interpolated; before the first and after the last point they are constant. */
export const loadProfileSchema = z
  .strictObject({
    name: z.string().min(1),
    description: z.string().default(''),
    durationSeconds: z
      .number()
      .min(60)
      .max(7 * 86_400),
    /** How long a step runs. */
    stepSeconds: z.number().positive().max(86_400),
    /** Steps that arrive per second. */
    arrivals: z.array(z.strictObject({ at: seconds, perSecond: z.number().min(0).max(1_000_000) })).default([]),
    /** Steps that arrive all at once. */
    bursts: z.array(z.strictObject({ at: seconds, steps: z.number().int().min(1).max(10_000_000) })).default([]),
    /** Times in which the service that the steps call does not respond: they hang until it does, or until their time limit. */
    outages: z.array(z.strictObject({ from: seconds, to: seconds })).default([]),
    stepTimeoutSeconds: z.number().positive().default(300),
  })
  .superRefine((profile, context) => {
    for (const [index, { from, to }] of profile.outages.entries()) {
      if (to <= from) context.addIssue({ code: 'custom', path: ['outages', index], message: 'ends before it begins' });
    }
    for (const [index, { at }] of profile.arrivals.entries()) {
      const before = profile.arrivals[index - 1];
      if (before !== undefined && before.at >= at) {
        context.addIssue({
          code: 'custom',
          path: ['arrivals', index, 'at'],
          message: 'is not after the point before it',
        });
      }
    }
  });

export type LoadProfile = z.output<typeof loadProfileSchema>;

/** Arrivals per second at a time. */
export function rateAt({ arrivals }: LoadProfile, at: number): number {
  const next = arrivals.findIndex((point) => point.at > at);
  if (next === -1) return arrivals.at(-1)?.perSecond ?? 0;
  const to = arrivals[next] as { at: number; perSecond: number };
  const from = arrivals[next - 1];
  if (from === undefined) return to.perSecond;
  return from.perSecond + ((to.perSecond - from.perSecond) * (at - from.at)) / (to.at - from.at);
}

const define = (profile: z.input<typeof loadProfileSchema>): LoadProfile => loadProfileSchema.parse(profile);

const HOUR = 3600;

/** Profiles to try a setting with. */
export const LOAD_PROFILES: readonly LoadProfile[] = [
  define({
    name: 'bursts',
    description: 'nothing, then 20,000 steps at once, again after half an hour, and 60,000 an hour later',
    durationSeconds: 2.5 * HOUR,
    stepSeconds: 2,
    bursts: [
      { at: 300, steps: 20_000 },
      { at: 2100, steps: 20_000 },
      { at: 5700, steps: 60_000 },
    ],
  }),
  define({
    name: 'diurnal',
    description: 'a day: almost nothing at night, 400 steps a second at noon',
    durationSeconds: 24 * HOUR,
    stepSeconds: 1.5,
    arrivals: Array.from({ length: 49 }, (_, half) => ({
      at: half * 1800,
      perSecond: Math.round(2 + 398 * Math.max(0, Math.sin(((half / 2 - 6) / 12) * Math.PI)) ** 1.5),
    })),
  }),
  define({
    name: 'stuck',
    description: 'a steady load whose dependency does not respond for twenty minutes',
    durationSeconds: 1.5 * HOUR,
    stepSeconds: 0.5,
    arrivals: [{ at: 0, perSecond: 100 }],
    outages: [{ from: 1200, to: 2400 }],
  }),
  define({
    name: 'step-change',
    description: 'twenty times the load from one moment to the next, and back',
    durationSeconds: 1.5 * HOUR,
    stepSeconds: 1,
    arrivals: [
      { at: 0, perSecond: 20 },
      { at: 1199, perSecond: 20 },
      { at: 1200, perSecond: 400 },
      { at: 2999, perSecond: 400 },
      { at: 3000, perSecond: 20 },
    ],
  }),
  define({
    name: 'trickle',
    description: 'a step every half minute: the fleet stays at one',
    durationSeconds: HOUR,
    stepSeconds: 0.2,
    arrivals: [{ at: 0, perSecond: 1 / 30 }],
  }),
  define({
    name: 'long-steps',
    description: 'steps of ten minutes, ten new ones a minute',
    durationSeconds: 2 * HOUR,
    stepSeconds: 600,
    arrivals: [
      { at: 0, perSecond: 10 / 60 },
      { at: HOUR, perSecond: 10 / 60 },
      { at: HOUR + 60, perSecond: 0 },
    ],
    stepTimeoutSeconds: 1800,
  }),
];
