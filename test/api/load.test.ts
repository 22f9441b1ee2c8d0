import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { Load } from '../../src/api/http/load.ts';
import { Problem } from '../../src/api/problem.ts';

const MOST = 50;
let load: Load | undefined;
afterEach(() => load?.stop());

/** The event loop stands still, as it does while something large is computed, or while others have the processor. */
function standStill(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until) continue;
}

function refuses(one: Load): boolean {
  try {
    one.check(false);
    return false;
  } catch (error) {
    expect(error).toBeInstanceOf(Problem);
    expect((error as Problem).code).toBe('OVERLOADED');
    return true;
  }
}

/** Whether anything is refused after one of these turns. */
async function refusesAfter(one: Load, turns: number): Promise<boolean> {
  for (let turn = 0; turn < turns; turn += 1) {
    standStill(700);
    for (let again = 0; again < 3; again += 1) {
      await sleep(1);
      if (refuses(one)) return true;
    }
  }
  return false;
}

describe('a process of the API refuses requests', () => {
  it('beyond those that it may work on', () => {
    load = new Load(MOST);
    load.working = MOST - 1;
    expect(refuses(load)).toBe(false);
    load.working = MOST;
    expect(refuses(load)).toBe(true);
    // A wait is no work.
    load.check(true);
    load.waiting = MOST * 10;
    expect(() => (load as Load).check(true)).toThrow(Problem);
  });

  it('if turn after turn of its event loop is late, and requests wait for it', async () => {
    load = new Load(MOST);
    load.working = MOST / 10;
    expect(await refusesAfter(load, 6)).toBe(true);
  });

  it('but not because the machine has given the processor to others: with little to do nothing is refused, however late it is', async () => {
    load = new Load(MOST);
    load.working = MOST / 10 - 1;
    expect(await refusesAfter(load, 4)).toBe(false);
  });
});
