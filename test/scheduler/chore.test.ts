import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { ChoreLoop } from '../../src/scheduler/chore.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function loop() {
  const seen = { runs: 0, swept: 0 };
  let gate: Promise<void> = Promise.resolve();
  const created = new ChoreLoop(
    {
      name: 'test',
      intervalMs: 1000,
      run: async () => {
        seen.runs += 1;
        await gate;
        return { done: 0, more: false };
      },
    },
    { swept: () => (seen.swept += 1), failed: () => undefined },
  );
  const hold = (): (() => void) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    gate = promise;
    return resolve;
  };
  return { seen, hold, loop: created };
}

it('runs a round by itself at most an interval after the last one', async () => {
  const { seen, loop: chore } = loop();
  chore.start();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(seen.runs).toBeGreaterThanOrEqual(9);
  await chore.stop();
  const { runs } = seen;
  await vi.advanceTimersByTimeAsync(10_000);
  expect(seen.runs).toBe(runs);
});

it('runs no round while another part of the process polls for it, which counts as its rounds, and does so again afterwards', async () => {
  const { seen, loop: chore } = loop();
  chore.start();
  chore.polledElsewhere(0);
  for (let poll = 0; poll < 10; poll += 1) {
    await vi.advanceTimersByTimeAsync(900);
    chore.polledElsewhere(0);
  }
  expect(seen).toEqual({ runs: 0, swept: 11 });
  await vi.advanceTimersByTimeAsync(1000);
  expect(seen.runs).toBe(1);
  await chore.stop();
});

it('runs a round at once if work was found for it, never two at a time, and none after it was stopped', async () => {
  const { seen, hold, loop: chore } = loop();
  chore.runNow();
  expect(seen.runs).toBe(0);
  chore.start();
  const letGo = hold();
  chore.runNow();
  expect(seen.runs).toBe(1);
  chore.runNow();
  chore.polledElsewhere(0);
  expect(seen).toEqual({ runs: 1, swept: 0 });
  letGo();
  await vi.advanceTimersByTimeAsync(0);
  expect(seen.swept).toBe(1);
  await vi.advanceTimersByTimeAsync(1000);
  expect(seen.runs).toBe(2);
  await chore.stop();
  chore.runNow();
  chore.polledElsewhere(0);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(seen.runs).toBe(2);
});
