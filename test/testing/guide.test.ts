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

test('every block of the guide to testing is in the example that it names, which is run', () => {
  expect(blocks).toHaveLength([...guide.matchAll(/^```ts$/gm)].length);
  for (const { file, text } of blocks) {
    const example = readFileSync(join(folder, file), 'utf8')
      .replaceAll(`'../../src/index.ts'`, `'tasker-fleet'`)
      .replaceAll(`'../../src/testing/index.ts'`, `'tasker-fleet/testing'`)
      // A comment that says what the whole file is for.
      .replace(/^\/\*\* What the workflow calls.*\n/, '');
    expect(example, file).toContain(text);
  }
  const shown = new Set(blocks.map(({ file }) => file));
  expect(readdirSync(folder).filter((file) => file.endsWith('.ts') && !shown.has(file))).toEqual([]);
});
