import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

/** Fingerprints, and tokens of previews as `tasker bulk start` takes them. */
const NAMES = /\b[0-9a-f]{12}\b|(?<=tasker bulk start )\S+/g;

it('what is typed in the guide of incidents names the causes and previews that were printed before', () => {
  const guide = readFileSync('docs/guides/operating.md', 'utf8');
  let typed = 0;
  let printed = '';
  for (const [, language, block = ''] of guide.matchAll(/^```(sh|text)\n([^]*?)^```/gm)) {
    if (language === 'text') printed += block;
    else
      for (const [name] of block.matchAll(NAMES)) {
        typed += 1;
        expect(printed, block).toContain(name);
      }
  }
  expect(typed).toBeGreaterThan(3);
});
