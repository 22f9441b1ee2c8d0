import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { LEVELS } from '../../scripts/check-imports.ts';

it('the floors of the architecture page are those that the import check enforces', () => {
  const rows = readFileSync('docs/architecture.md', 'utf8').matchAll(/^\| (\d+) \| ([^|]+) \|/gm);
  const floors = [...rows].map(([, floor, rooms = '']) => [Number(floor), rooms.match(/[\w-]+/g)?.toSorted()]);
  const exists = (room: string): boolean => existsSync(`src/${room}`) || existsSync(`src/${room}.ts`);
  expect(floors).toEqual(LEVELS.map((rooms, index) => [index + 1, rooms.filter(exists).toSorted()]).toReversed());
});
