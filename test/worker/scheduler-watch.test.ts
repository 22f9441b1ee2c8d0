import { expect, it, vi } from 'vitest';
import type { Database } from '../../src/db/connections/database.ts';
import { SchedulerWatch } from '../../src/worker/joining/scheduler-watch.ts';

it('reports once that no scheduler lives, and once that one lives again; a database that is away changes nothing', async () => {
  vi.useFakeTimers();
  try {
    let schedulers: number | Error = 1;
    const run = async (): Promise<object[]> => {
      if (schedulers instanceof Error) throw schedulers;
      return [{ schedulers }];
    };
    const changes: boolean[] = [];
    const watch = new SchedulerWatch({ run } as unknown as Database, (anyLives) => changes.push(anyLives));
    watch.start();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(changes).toEqual([]);
    schedulers = 0;
    await vi.advanceTimersByTimeAsync(120_000);
    expect(changes).toEqual([false]);
    schedulers = new Error('away');
    await vi.advanceTimersByTimeAsync(60_000);
    schedulers = 2;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(changes).toEqual([false, true]);
    watch.stop();
    schedulers = 0;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(changes).toEqual([false, true]);
  } finally {
    vi.useRealTimers();
  }
});
