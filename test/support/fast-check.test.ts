import { expect, test, vi } from 'vitest';
import fc from './fast-check.ts';

test('a property that fails writes its seed, path and counterexample at once, so that a retry does not hide them', async () => {
  const written = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  try {
    const failing = [
      () =>
        fc.assert(
          fc.property(fc.nat(), (n) => expect(n).toBeLessThan(0)),
          { seed: 7 },
        ),
      () =>
        fc.assert(
          fc.asyncProperty(fc.nat(), async (n) => expect(n).toBeLessThan(0)),
          { seed: 7 },
        ),
    ];
    for (const run of failing) {
      written.mockClear();
      await expect(async () => run()).rejects.toThrow('Property failed');
      expect(written.mock.calls.flat().join('')).toMatch(/seed: 7, path: "0.*Counterexample: \[0\].*AssertionError/s);
    }
  } finally {
    written.mockRestore();
  }
});
