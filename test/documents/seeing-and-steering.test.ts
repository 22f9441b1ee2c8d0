import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

it('each of the fifteen promises names its complaint, and tests that are there', () => {
  const text = readFileSync('docs/seeing-and-steering.md', 'utf8');
  const rows = [...text.matchAll(/^\| (\d+) \| (.+?) \| (.+?) \| (.+?) \| .*\|$/gm)];
  expect(rows.map(([, number]) => Number(number))).toEqual(Array.from({ length: 15 }, (_, n) => n + 1));
  for (const [, number, complaint = '', , tests = ''] of rows) {
    expect(complaint, `threads of ${number}`).toMatch(/: ([\w./-]+#\d+(, )?)+$/);
    const files = [...tests.matchAll(/`(test\/[^`]+\.ts)`(?:: ((?:`[^`]+`(?:, )?)+))?/g)];
    expect(files.length, `tests of ${number}`).toBeGreaterThan(0);
    for (const [, file = '', titles = ''] of files) {
      expect(existsSync(file), file).toBe(true);
      const code = readFileSync(file, 'utf8');
      for (const [, title = ''] of titles.matchAll(/`([^`]+)`/g))
        expect(code.includes(title), `${file}: ${title}`).toBe(true);
    }
  }
});
