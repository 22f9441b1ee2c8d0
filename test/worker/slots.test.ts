import { describe, expect, it } from 'vitest';
import { Slots } from '../../src/worker/scope/slots.ts';

/** Work that ends when the test ends it. */
function work() {
  let done: (() => void) | undefined;
  const state = {
    started: false,
    ended: false,
    end: () => {
      state.ended = true;
      done?.();
    },
  };
  return {
    state,
    run: (ended: () => void) => {
      state.started = true;
      if (state.ended) ended();
      else done = ended;
    },
  };
}
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('slots', () => {
  it('run as much at once as there are, and what waits as soon as one is free', async () => {
    let freed = 0;
    const slots = new Slots(3, { slotFreed: () => (freed += 1) });
    const works = Array.from({ length: 5 }, work);
    for (const { run } of works) slots.run(run);
    await turn();
    expect(works.map(({ state }) => state.started)).toEqual([true, true, true, false, false]);
    expect([slots.busy, slots.free, freed]).toEqual([5, 0, 0]);

    works[1]?.state.end();
    await turn();
    expect(works.map(({ state }) => state.started)).toEqual([true, true, true, true, false]);
    expect([slots.busy, slots.free]).toEqual([4, 0]);

    for (const { state } of works) state.end();
    await slots.idle();
    expect(works.every(({ state }) => state.started)).toBe(true);
    expect([slots.busy, slots.free]).toEqual([0, 3]);
    expect(freed).toBe(5);
  });

  it('are used again, in any number, after they were free', async () => {
    const slots = new Slots(4, { slotFreed: () => undefined });
    for (let round = 0; round < 50; round += 1) {
      let running = 0;
      let most = 0;
      for (let n = 0; n < 11; n += 1) {
        slots.run((done) => {
          most = Math.max(most, (running += 1));
          setImmediate(() => {
            running -= 1;
            done();
          });
        });
      }
      await slots.idle();
      expect([running, most, slots.busy, slots.free]).toEqual([0, 4, 0, 4]);
    }
  });

  it('that are reserved are not free', async () => {
    const slots = new Slots(3, { slotFreed: () => undefined });
    const one = work();
    slots.run(one.run);
    expect(slots.reserve(5)).toBe(2);
    expect([slots.free, slots.reserve(1)]).toEqual([0, 0]);
    slots.unreserve(2);
    expect(slots.free).toBe(2);
    one.state.end();
    await slots.idle();
    expect(slots.free).toBe(3);
  });

  it('run what ends at once one after the other in the slot that was free', async () => {
    let freed = 0;
    const slots = new Slots(2, { slotFreed: () => (freed += 1) });
    const busy: number[] = [];
    const atOnce = (done: () => void): void => {
      busy.push(slots.busy);
      done();
    };
    slots.run(atOnce);
    await slots.idle();
    for (let n = 0; n < 3; n += 1) slots.run(atOnce);
    // A slot that was used before takes work at once: nothing is left to wait for.
    expect([busy, freed, slots.busy, slots.free]).toEqual([[1, 1, 1, 1], 4, 0, 2]);
  });
});
