import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

it('every attack that the documents name has its test', () => {
  const tests = readdirSync('test', { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
    .join('\n');
  const rows = [...readFileSync('docs/operations/security.md', 'utf8').matchAll(/^\| .+ \| `([^`]+)` \|$/gm)];
  expect(rows.length).toBeGreaterThan(30);
  for (const [row, title] of rows) expect(tests.includes(title as string), row).toBe(true);
});
