import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { boundHeapGrowth } from '../../src/cli/heap-growth.ts';

describe('the growth of the old generation', () => {
  it('is left to who set it on the command line', () => {
    expect(boundHeapGrowth(['--heap-growing-percent=100'])).toBe(false);
    expect(boundHeapGrowth(['--inspect', '--heap_growing_percent=100'])).toBe(false);
  });

  it('is small in a process that keeps making garbage that lives for a while', () => {
    // As a worker does: what is in hand outlives a young collection, and is garbage soon after.
    const churn = `
      const { boundHeapGrowth } = await import(${JSON.stringify(fileURLToPath(new URL('../../src/cli/heap-growth.ts', import.meta.url)))});
      if (process.argv[1] === 'bound') boundHeapGrowth();
      const hand = [];
      let most = 0;
      for (let n = 0; n < 400_000; n += 1) {
        hand[n % 20_000] = { n, text: 'x'.repeat(20) + n, more: [n, n, n, n, n, n, n, n] };
        if (n % 1000 === 0) most = Math.max(most, process.memoryUsage().heapUsed);
      }
      console.log(most);`;
    const most = (how: string): number =>
      Number(execFileSync(process.execPath, ['--max-semi-space-size=1', '--input-type=module', '-e', churn, how]));
    expect(most('bound')).toBeLessThan(most('unbound'));
  });
});
