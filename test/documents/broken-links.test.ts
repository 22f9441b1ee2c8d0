import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { brokenLinks } from './links.ts';

test('finds links to files, folders and headings that do not exist, and paths that lead nowhere', async () => {
  const root = await mkdtemp(join(tmpdir(), 'links-'));
  onTestFinished(() => rm(root, { recursive: true }));
  await mkdir(join(root, 'docs'));
  await mkdir(join(root, 'src'));
  await writeFile(join(root, 'src/a.ts'), '');
  await writeFile(join(root, 'docs/other.md'), '# Other things: `a` and b\n\n## Twice\n\n## Twice\n');
  await writeFile(
    join(root, 'docs/page.md'),
    [
      '# Page',
      '[good](other.md) [good](../src) [good](other.md#other-things-a-and-b) [good](other.md#twice-1) [good](#page)',
      '[elsewhere](https://example.com/missing.md) `src/a.ts` `npm run docs`',
      '[bad](missing.md) [bad](../lib) [bad](other.md#third) [bad](#other) `src/b.ts` `test/missing/`',
      '```\n[not a link](missing.md)\n```',
    ].join('\n'),
  );
  expect(brokenLinks(root, 'docs/page.md')).toEqual([
    '](missing.md)',
    '](../lib)',
    '](other.md#third)',
    '](#other)',
    'src/b.ts',
    'test/missing/',
  ]);
});
