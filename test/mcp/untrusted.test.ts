import { expect, it } from 'vitest';
import { untrusted } from '../../src/mcp/untrusted.ts';
import { read } from './mcp-fixture.ts';

it('a list that is too long for a model is cut between two items, without the cursor that would skip some', () => {
  const items = Array.from({ length: 200 }, (_, n) => ({ n, name: 'x'.repeat(1000) }));
  const text = untrusted({ items, next_cursor: 'behind all 200', complete: true });
  const { data } = read(text);
  expect(text.length).toBeLessThan(101_000);
  const shown = data.items?.length ?? 0;
  expect(shown).toBeGreaterThan(80);
  expect(data.items).toEqual(items.slice(0, shown));
  expect(data).toMatchObject({ complete: true, cut: expect.stringContaining(`${shown} of 200 items`) as string });
  expect(data).not.toHaveProperty('next_cursor');
});

it('one thing that is too long is cut at the end of the room, and says so', () => {
  for (const data of [{ input: 'x'.repeat(200_000) }, { items: ['x'.repeat(200_000)] }])
    expect(untrusted(data)).toMatch(/x\n\[cut: 20\d{4} characters; ask for less/);
});
