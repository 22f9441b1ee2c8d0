import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const folder = join(root, 'examples/testing');
const guide = readFileSync(join(root, 'docs/guides/testing.md'), 'utf8');

/** Each block of code names its file in the first line. */
const blocks = [...guide.matchAll(/^```ts\n\/\/ ([^\n]+)\n(.*?)^```/gms)].map(([, file = '', text = '']) => ({
  file,
  text,
}));

test('the blocks of the guide to testing, one after the other, are the examples that they name, which are run', () => {
  expect(blocks).toHaveLength([...guide.matchAll(/^```ts$/gm)].length);
  const shown = Map.groupBy(blocks, ({ file }) => file);
  for (const [file, parts] of shown) {
    const example = readFileSync(join(folder, file), 'utf8')
      .replaceAll(`'../../src/index.ts'`, `'tasker-fleet'`)
      .replaceAll(`'../../src/testing/index.ts'`, `'tasker-fleet/testing'`)
      // A comment that says what the whole file is for.
      .replace(/^\/\*\* What the workflow calls.*\n/, '');
    expect(parts.map(({ text }) => text).join('\n'), file).toBe(example);
  }
  expect(readdirSync(folder).filter((file) => file.endsWith('.ts') && !shown.has(file))).toEqual([]);
});
