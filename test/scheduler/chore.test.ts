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

it('goes round by itself at most an interval after the last time', async () => {
  const { seen, loop: chore } = loop();
  chore.start();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(seen.runs).toBeGreaterThanOrEqual(9);
  await chore.stop();
  const { runs } = seen;
  await vi.advanceTimersByTimeAsync(10_000);
  expect(seen.runs).toBe(runs);
});

it('does not while somebody else looks for it, which counts as its rounds, and does so again afterwards', async () => {
  const { seen, loop: chore } = loop();
  chore.start();
  chore.looked(0);
  for (let look = 0; look < 10; look += 1) {
    await vi.advanceTimersByTimeAsync(900);
    chore.looked(0);
  }
  expect(seen).toEqual({ runs: 0, swept: 11 });
  await vi.advanceTimersByTimeAsync(1000);
  expect(seen.runs).toBe(1);
  await chore.stop();
});

it('goes round at once where work was found for it, never twice at a time, and not when it is stopped', async () => {
  const { seen, hold, loop: chore } = loop();
  chore.hurry();
  expect(seen.runs).toBe(0);
  chore.start();
  const letGo = hold();
  chore.hurry();
  expect(seen.runs).toBe(1);
  chore.hurry();
  chore.looked(0);
  expect(seen).toEqual({ runs: 1, swept: 0 });
  letGo();
  await vi.advanceTimersByTimeAsync(0);
  expect(seen.swept).toBe(1);
  await vi.advanceTimersByTimeAsync(1000);
  expect(seen.runs).toBe(2);
  await chore.stop();
  chore.hurry();
  chore.looked(0);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(seen.runs).toBe(2);
});
