import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { FileWatch } from '../../src/dev/watch-files.ts';
import { scratchFolder } from '../support/scratch-folder.ts';
import { waitFor } from '../support/wait-for.ts';

test('reports files with another content, however they were written, and no others', async () => {
  const folder = await scratchFolder();
  const path = (name: string): string => join(folder, name);
  for (const name of ['a.ts', 'b.ts', 'c.ts']) await writeFile(path(name), 'one');
  const changes: string[][] = [];
  const watch = new FileWatch((changed) => changes.push(changed));
  onTestFinished(() => watch.stop());
  watch.watch([path('a.ts'), path('b.ts')]);

  await writeFile(path('c.ts'), 'two');
  await writeFile(path('a.ts'), 'one');
  await writeFile(path('b.ts.new'), 'two');
  await rename(path('b.ts.new'), path('b.ts'));
  await waitFor(() => changes.length === 1, { what: 'the report of b.ts' });
  expect(changes).toEqual([[path('b.ts')]]);

  await rm(path('a.ts'));
  await waitFor(() => changes.length === 2, { what: 'the report of a.ts' });
  expect(changes[1]).toEqual([path('a.ts')]);
});

test('reports a folder when a module in it comes, but not for a test', async () => {
  const folder = await scratchFolder();
  const changes: string[][] = [];
  const watch = new FileWatch((changed) => changes.push(changed));
  onTestFinished(() => watch.stop());
  watch.watch([folder]);
  await writeFile(join(folder, 'more.test.ts'), '');
  await writeFile(join(folder, 'more.ts'), '');
  await waitFor(() => changes.length > 0, { what: 'the report of the folder' });
  expect(changes).toEqual([[folder]]);
});
