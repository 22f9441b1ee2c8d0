import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { useProcesses } from '../support/processes.ts';
import { scratchFolder } from '../support/scratch-folder.ts';

const processes = useProcesses();

/** What a worker prints that is given this module. By Node itself, since a test runner has its own way with modules. */
async function printed(name: string, code: string): Promise<string> {
  const path = join(await scratchFolder(), name);
  await writeFile(path, code);
  const worker = processes.start('src/cli/main.ts', {
    args: ['worker', '--workflows', path],
    env: { DATABASE_URL: 'postgres://x@127.0.0.1:1/x' },
  });
  expect(await worker.exited).toEqual({ code: 2, signal: null });
  return worker.lines.join('\n');
}

test.each([
  ['in the first line', 'x.ts', 'const x = ;', 1],
  ['further down, of which Node shows the line before, too', 'x.ts', 'const a = 1;\nconst x = ;\n', 2],
  ['in JavaScript, of which Node says nothing', 'x.mjs', 'const a = 1;\nconst x = ;\n', 2],
])('a syntax error has its line: %s', async (_, name, code, line) => {
  const text = await printed(name, code);
  expect(text).toContain('could not be loaded');
  expect(text).toMatch(new RegExp(`/${name}:${line}\\n(.*\\n)? *const x = ;\\n +\\^`));
});

test('an error of a module has its place', async () => {
  const text = await printed('x.mjs', '\nthrow new TypeError("no");\n');
  expect(text).toMatch(/could not be loaded: no\n +at .*x\.mjs:2:7/);
});
