import fc from '../support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { CronSchedule } from '../../src/schedules/occurrence.ts';

const times = (cron: string, timezone: string, from: string, to: string) =>
  new CronSchedule(cron, timezone).between(new Date(from), new Date(to)).map(({ at }) => at.toISOString().slice(5, 16));

describe('a schedule on the day on which clocks are put forward', () => {
  it('for a time of day that is skipped occurs at the change, once', () => {
    // New York: 02:00 to 03:00 on 8 March 2026 is skipped; the change is at 07:00 UTC.
    const day = ['2026-03-07T12:00Z', '2026-03-09T12:00Z'] as const;
    expect(times('30 2 * * *', 'America/New_York', ...day)).toEqual(['03-08T07:00', '03-09T06:30']);
    expect(times('0 2 * * *', 'America/New_York', ...day)).toEqual(['03-08T07:00', '03-09T06:00']);
    expect(times('*/20 2 * * *', 'America/New_York', ...day)).toEqual([
      '03-08T07:00',
      '03-09T06:00',
      '03-09T06:20',
      '03-09T06:40',
    ]);
  });

  it('occurs only on the days that it names', () => {
    // The 8th is a Sunday.
    expect(times('30 2 * * 1-5', 'America/New_York', '2026-03-07T12:00Z', '2026-03-09T12:00Z')).toEqual([
      '03-09T06:30',
    ]);
  });

  it('for every hour goes by elapsed time', () => {
    expect(times('0 * * * *', 'America/New_York', '2026-03-08T05:30Z', '2026-03-08T08:30Z')).toEqual([
      '03-08T06:00',
      '03-08T07:00',
      '03-08T08:00',
    ]);
  });

  it('works for a change of half an hour too', () => {
    // Lord Howe: 02:00 to 02:30 on 4 October 2026 is skipped; the change is at 15:30 UTC the day before.
    expect(times('15 2 * * *', 'Australia/Lord_Howe', '2026-10-03T00:00Z', '2026-10-04T20:00Z')).toEqual([
      '10-03T15:30',
      '10-04T15:15',
    ]);
  });
});

describe('a schedule on the day on which clocks are put back', () => {
  it('for a time of day that comes twice occurs the first time', () => {
    // New York: 01:00 to 02:00 on 1 November 2026 comes twice, from 05:00 and from 06:00 UTC.
    expect(times('30 1 * * *', 'America/New_York', '2026-10-31T12:00Z', '2026-11-02T12:00Z')).toEqual([
      '11-01T05:30',
      '11-02T06:30',
    ]);
    expect(times('30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00Z', '2026-10-26T12:00Z')).toEqual([
      '10-25T00:30',
      '10-26T01:30',
    ]);
  });

  it('in the second pass is the occurrence of the first, which is over', () => {
    const schedule = new CronSchedule('30 1 * * *', 'America/New_York');
    const found = (from: string, to: string) => schedule.between(new Date(from), new Date(to));
    expect(found('2026-11-01T05:20Z', '2026-11-01T05:40Z')).toEqual([
      { at: new Date('2026-11-01T05:30Z'), identity: 'for 2026-11-01T01:30' },
    ]);
    expect(found('2026-11-01T06:20Z', '2026-11-01T06:40Z')).toEqual([]);
  });

  it('for every hour occurs in both passes, with an identity for each', () => {
    const schedule = new CronSchedule('15 * * * *', 'America/New_York');
    const found = schedule.between(new Date('2026-11-01T04:30Z'), new Date('2026-11-01T07:30Z'));
    expect(found.map(({ identity }) => identity)).toEqual([
      'at 2026-11-01T05:15',
      'at 2026-11-01T06:15',
      'at 2026-11-01T07:15',
    ]);
  });
});

describe('the next occurrence', () => {
  const next = (cron: string, timezone: string, from: string) =>
    new CronSchedule(cron, timezone).next(new Date(from))?.at.toISOString().slice(0, 16);

  it.each([
    ['* * * * *', 'UTC', '2026-05-01T12:00Z', '2026-05-01T12:01'],
    ['0 9 * * *', 'Europe/Berlin', '2026-05-01T07:00Z', '2026-05-02T07:00'],
    ['0 9 * * *', 'Europe/Berlin', '2026-05-01T06:59:59Z', '2026-05-01T07:00'],
    ['0 0 1 1 *', 'UTC', '2026-05-01T12:00Z', '2027-01-01T00:00'],
    ['0 0 29 2 *', 'Asia/Tokyo', '2026-05-01T12:00Z', '2028-02-28T15:00'],
    // Over a change of clocks, on both sides of it, and if the time of day is skipped or comes twice.
    ['0 9 * * *', 'America/New_York', '2026-03-07T18:00Z', '2026-03-08T13:00'],
    ['0 9 * * 0', 'America/New_York', '2026-03-02T18:00Z', '2026-03-08T13:00'],
    ['30 2 * * *', 'America/New_York', '2026-03-07T18:00Z', '2026-03-08T07:00'],
    ['30 1 * * *', 'America/New_York', '2026-11-01T05:30Z', '2026-11-02T06:30'],
  ])('of %j in %s after %s is %s', (cron, timezone, from, expected) => {
    expect(next(cron, timezone, from)).toBe(expected);
  });
});

/** Time zones by the days of 2026 on which their clocks change, found with nothing but the platform's clock. */
function changes(): { timezone: string; around: number }[] {
  const noon = Date.UTC(2026, 0, 1, 12);
  const day = 86_400_000;
  return Intl.supportedValuesOf('timeZone').flatMap((timezone) => {
    const format = new Intl.DateTimeFormat('en-US', { timeZone: timezone, timeZoneName: 'longOffset' });
    const offset = (at: number) => format.formatToParts(at).find(({ type }) => type === 'timeZoneName')?.value;
    const found: { timezone: string; around: number }[] = [];
    for (let index = 0; index < 365; index += 1) {
      const at = noon + index * day;
      if (offset(at) !== offset(at + day)) found.push({ timezone, around: at });
    }
    return found;
  });
}

describe('in every time zone whose clocks change in 2026', () => {
  const all = changes();
  // One zone for each distinct change is enough: many zones share one.
  const distinct = [
    ...new Map(all.map((change) => [`${change.around} ${sameRules(change.timezone)}`, change])).values(),
  ];

  function sameRules(timezone: string): string {
    return [Date.UTC(2026, 0, 1), Date.UTC(2026, 6, 1)]
      .map((at) => new Date(at).toLocaleString('en-US', { timeZone: timezone }))
      .join();
  }

  it('a time of day occurs exactly once a day', { timeout: 120_000 }, () => {
    expect(distinct.length).toBeGreaterThan(20);
    for (const { timezone, around } of distinct) {
      for (const cron of ['30 2 * * *', '0 0 * * *', '15 1 * * *', '45 3 * * *', '10 23 * * *']) {
        // Between two noons two days apart there are two occurrences, whatever the clocks do.
        const noonThere = noonBefore(around - 43_200_000, timezone);
        const found = new CronSchedule(cron, timezone).between(
          new Date(noonThere),
          new Date(noonBefore(noonThere + 48 * 3_600_000 + 7_200_000, timezone)),
        );
        expect(found.length, `${cron} ${timezone} ${new Date(around).toISOString()}`).toBe(2);
        expect(new Set(found.map(({ identity }) => identity)).size).toBe(2);
      }
    }
  });

  it(
    'a quarter past every hour comes every 60 minutes of elapsed time, but for changes of half an hour',
    { timeout: 120_000 },
    () => {
      for (const { timezone, around } of distinct.filter((zone) => zone.timezone !== 'Australia/Lord_Howe')) {
        const found = new CronSchedule('15 * * * *', timezone).between(
          new Date(around - 12 * 3_600_000),
          new Date(around + 24 * 3_600_000),
        );
        expect(found.length, timezone).toBe(36);
        for (let index = 1; index < found.length; index += 1) {
          expect((found[index]?.at.getTime() ?? 0) - (found[index - 1]?.at.getTime() ?? 0), timezone).toBe(3_600_000);
        }
      }
    },
  );
});

/** The last moment up to `at` at which clocks there show noon. */
function noonBefore(at: number, timezone: string): number {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: timezone,
    hourCycle: 'h23',
    hour: '2-digit',
    minute: '2-digit',
  });
  for (let minute = Math.floor(at / 60_000) * 60_000; ; minute -= 60_000) {
    if (format.format(minute) === '12:00') return minute;
  }
}

it('the next occurrence is the first that is found minute by minute', { timeout: 60_000 }, () => {
  // Every other hour through days of change, in zones that change by an hour and by half of one.
  const days = [
    ['America/New_York', '2026-03-07T12:00Z'],
    ['America/New_York', '2026-10-31T20:00Z'],
    ['Australia/Lord_Howe', '2026-10-03T02:00Z'],
    ['Australia/Lord_Howe', '2026-04-04T02:00Z'],
    ['Europe/Berlin', '2026-10-24T12:00Z'],
  ] as const;
  const wrong: string[] = [];
  let compared = 0;
  for (const [timezone, day] of days) {
    for (const cron of ['30 1 * * *', '15 2 * * *', '*/20 2,3 * * *', '45 * * * *', '0 0 * * 0']) {
      const schedule = new CronSchedule(cron, timezone);
      const all = schedule.between(new Date(day), new Date(Date.parse(day) + 4 * 86_400_000));
      for (let hour = 0; hour < 30; hour += 2) {
        const from = new Date(Date.parse(day) + hour * 3_600_000 + 1000);
        // A weekly one may be further away than that.
        const first = all.find(({ at }) => at > from);
        if (first === undefined) continue;
        compared += 1;
        const next = schedule.next(from);
        if (next?.identity !== first.identity)
          wrong.push(`${cron} ${timezone} ${from.toISOString()}: ${next?.identity}`);
      }
    }
  }
  expect(compared).toBeGreaterThan(300);
  expect(wrong).toEqual([]);
});

describe('the last occurrence', () => {
  const crons = ['* * * * *', '*/7 1-3 * * *', '30 2 * * *', '0 * * * *', '15 0-20 * * 1-5', '* * 1 * *', '0 0 29 2 *'];
  const zones = ['UTC', 'America/New_York', 'Europe/Berlin', 'Australia/Lord_Howe'];
  /** Days on which clocks change in one of the zones, and one on which none does. */
  const days = ['2026-03-08', '2026-03-29', '2026-04-05', '2026-10-04', '2026-10-25', '2026-11-01', '2026-07-01'];

  it('is the last of all that there are, also when clocks change', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...crons),
        fc.constantFrom(...zones),
        fc.constantFrom(...days),
        fc.integer({ min: -2000, max: 2000 }),
        fc.integer({ min: 0, max: 3000 }),
        (cron, zone, day, start, length) => {
          const schedule = new CronSchedule(cron, zone);
          const from = new Date(Date.parse(day) + start * 60_000 + 17_000);
          const to = new Date(from.getTime() + length * 60_000);
          expect(schedule.last(from, to)).toEqual(schedule.between(from, to).at(-1));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('of a month in which most minutes have one is found without visiting them', () => {
    const schedule = new CronSchedule('* 0-20 * * *', 'Europe/Berlin');
    let visited = 0;
    const { next } = schedule;
    schedule.next = (from) => {
      visited += 1;
      return next.call(schedule, from);
    };
    const found = schedule.last(new Date('2026-07-01T00:00Z'), new Date('2026-07-31T21:30Z'));
    expect(found?.at.toISOString()).toBe('2026-07-31T18:59:00.000Z');
    expect(visited).toBeLessThan(25);
  });
});
