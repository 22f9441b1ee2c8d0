import { expect, it } from 'vitest';
import { eachMinute } from '../../dashboard/pages/queues/each-minute.ts';

const minute = (at: string, ready: number) => ({
  minute: `2026-01-01T${at}:00.000Z`,
  ready,
  oldest_ready_seconds: ready,
  running: ready,
  workers: 2,
  desired_workers: 3,
  arrivals_per_second: ready,
  completions_per_second: ready,
});
const shown = (rows: Parameters<typeof eachMinute>[0], now: string) =>
  eachMinute(rows, Date.parse(`2026-01-01T${now}Z`)).map((each) => [
    each.minute.slice(11, 16),
    each.ready,
    each.workers,
  ]);

it('a chart has every minute until the one before now, and nothing in those without a row', () => {
  expect(shown([minute('12:58', 9), minute('13:01', 4)], '13:04:30')).toEqual([
    ['12:58', 9, 2],
    ['12:59', 0, 2],
    ['13:00', 0, 2],
    ['13:01', 4, 2],
    ['13:02', 0, 2],
    ['13:03', 0, 2],
  ]);
});

it('the minute that runs is shown if something has happened in it', () => {
  expect(shown([minute('12:58', 9), minute('12:59', 1)], '12:59:10')).toEqual([
    ['12:58', 9, 2],
    ['12:59', 1, 2],
  ]);
  expect(shown([], '12:59:10')).toEqual([]);
});
